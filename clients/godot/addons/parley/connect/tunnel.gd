class_name ParleyTunnel
extends RefCounted
## The last path, where UDP does not get out: a WebSocket to the sidecar that is this peer's end of the relay. Datagrams stay
## sealed, and what does not fit into the stream is lost.

const UNSENT_BYTES_MAX := 65_536
const AGAIN_MS := 2_000.0

var is_open := false
var _url := ""
var _ticket := ""
var _worker: ParleyWorker
var _opening: ParleySocketOpening = null
var _socket: WebSocketPeer = null
var _open_at := 0.0


func _init(url: String, ticket: String, worker: ParleyWorker) -> void:
	_url = url
	_ticket = ticket
	_worker = worker


func send(bytes: PackedByteArray) -> void:
	if is_open and _socket.get_current_outbound_buffered_amount() < UNSENT_BYTES_MAX:
		_socket.put_packet(bytes)


## The datagrams that came.
func poll(now: float) -> Array[PackedByteArray]:
	var out: Array[PackedByteArray] = []
	if _socket == null:
		_open(now)
		return out
	_socket.poll()
	match _socket.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			while _socket.get_available_packet_count() > 0:
				var bytes := _socket.get_packet()
				if not _socket.was_string_packet():
					out.append(bytes)
				elif bytes.get_string_from_utf8().begins_with("entered"):
					is_open = true
		WebSocketPeer.STATE_CLOSED:
			_drop(now)
	return out


func close() -> void:
	is_open = false
	if _socket != null:
		_socket.close()
		_socket.poll()
		_socket = null
	if _opening != null:
		_opening.is_cancelled = true
		_opening = null
	_open_at = INF


func _open(now: float) -> void:
	if _opening == null and now >= _open_at:
		var socket := WebSocketPeer.new()
		socket.inbound_buffer_size = 1 << 18
		socket.outbound_buffer_size = 1 << 18
		socket.max_queued_packets = 2048
		_opening = ParleySocketOpening.new(socket, _url, null)
		_worker.add(_opening)
	elif _opening != null and _opening.is_done:
		_socket = _opening.socket
		_opening = null
		if _socket.get_ready_state() == WebSocketPeer.STATE_OPEN:
			_socket.send_text("enter %s -" % _ticket)


func _drop(now: float) -> void:
	is_open = false
	_socket = null
	_open_at = now + AGAIN_MS
