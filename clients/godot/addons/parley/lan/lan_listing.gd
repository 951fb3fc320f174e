class_name ParleyLanListing
extends ParleyListing
## A lobby of the local network: a line of the list with the address of its host. See [method ParleyLan.join].

## Numeric IPv4 address of the host, and the UDP port of its game.
var address := ""
var port := 0


func _init() -> void:
	source = "lan"
