class_name ParleyIdentity
extends RefCounted
## The anonymous identity at the hub, kept in `user://parley/`, so that a restarted game gets its seat back. Two windows on one
## machine share that folder: each takes an identity that no other process holds, by a lock on a loopback port.

const FOLDER := "user://parley"
const SLOTS := 8
## The token for sidecars is good for a day.
const UDP_TOKEN_S := 82_800.0
## Renewed before it expires.
const MARGIN_S := 86_400.0

var peer_id := ""
## Secret.
var token := ""
var udp_token := ""
var sidecars: Array = []
var expires := 0.0
var issued := 0.0
var _is_new := false
var _file := ""
var _lock: PacketPeerUDP = null


# One that this process was given is good, whatever the machine's clock says.
var is_valid: bool:
	get:
		return token != "" and (_is_new or Time.get_unix_time_from_system() < expires - MARGIN_S)


var has_udp_token: bool:
	get:
		return udp_token != "" and absf(Time.get_unix_time_from_system() - issued) < UDP_TOKEN_S


## Takes the first identity of this game that no other process holds.
func open(url: String, game: String) -> void:
	var hash := (url + " " + game).sha256_text()
	for slot in SLOTS:
		var lock := PacketPeerUDP.new()
		if lock.bind(49_152 + (hash.left(6).hex_to_int() + slot) % 16_000, "127.0.0.1", 256) != OK:
			continue
		_lock = lock
		_file = "%s/%s-%d.json" % [FOLDER, hash.left(16), slot]
		_load()
		return


## A new identity as the hub sent it.
func take(json: Variant) -> bool:
	var found := ParleyFields.identity(json)
	if found.is_empty():
		return false
	peer_id = found["peer_id"]
	token = found["token"]
	udp_token = found["udp_token"]
	sidecars = found["sidecars"]
	issued = Time.get_unix_time_from_system()
	expires = Time.get_unix_time_from_datetime_string(found["expires_at"].trim_suffix("Z"))
	_is_new = true
	_save()
	return true


## The hub does not take it any more.
func forget() -> void:
	token = ""
	peer_id = ""


func close() -> void:
	if _lock != null:
		_lock.close()
		_lock = null


func _load() -> void:
	if not FileAccess.file_exists(_file):
		return
	var json: Variant = JSON.parse_string(FileAccess.get_file_as_string(_file))
	peer_id = ParleyFields.text(json, "peer_id")
	token = ParleyFields.text(json, "token")
	udp_token = ParleyFields.text(json, "udp_token")
	expires = ParleyFields.number(json, "expires")
	issued = ParleyFields.number(json, "issued")


func _save() -> void:
	if _file == "":
		return
	DirAccess.make_dir_recursive_absolute(FOLDER)
	var file := FileAccess.open(_file, FileAccess.WRITE)
	if file != null:
		file.store_string(JSON.stringify({"peer_id": peer_id, "token": token, "udp_token": udp_token,
			"expires": expires, "issued": issued}))
