class_name ParleySocketReserve
extends ParleyJob
## Binds UDP sockets for a punch that uses hundreds. Linux stops a thread for some 10 ms when its process has 256 files open and
## opens another one, so that is not left to a frame.

const STEP_SOCKETS := 16

var sockets: Array[PacketPeerUDP] = []
var _count := 0


func _init(count: int) -> void:
	_count = count


func step() -> bool:
	for number in mini(STEP_SOCKETS, _count - sockets.size()):
		var socket := ParleySockets.bound(ParleySockets.BUFFER_SMALL_BYTES)
		if socket == null:
			return true
		sockets.append(socket)
	return sockets.size() == _count
