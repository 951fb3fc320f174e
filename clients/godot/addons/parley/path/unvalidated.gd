class_name ParleyUnvalidated
extends RefCounted
## Bounds the datagrams to addresses where the peer has not answered: another peer could name any address.

const DATAGRAMS_MAX := 20
const ADDRESSES_MAX := 64

var _sent := {}


## Counts one more datagram there. False where there would be too many, or where nothing may be sent at all.
func spend(address: String, port: int, paths: Array) -> bool:
	var sent: int = _sent.get(address, 0)
	if not may_probe(address, port, paths) or sent >= DATAGRAMS_MAX:
		return false
	if sent == 0 and _sent.size() >= ADDRESSES_MAX:
		return false
	_sent[address] = sent + 1
	return true


## The peer has answered there.
func forget(address: String) -> void:
	_sent.erase(address)


## An address of this network only where a path already goes.
static func may_probe(address: String, port: int, paths: Array) -> bool:
	if not ParleyAddresses.is_endpoint(address, port):
		return false
	for one: ParleyPath in paths:
		if one.address == address:
			return true
	return not ParleyAddresses.is_local(address) and not ParleyAddresses.is_loopback(address)
