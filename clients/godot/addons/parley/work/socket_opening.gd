class_name ParleySocketOpening
extends ParleyJob
## Opens a WebSocket: its name is resolved, and TLS and HTTP are begun.

## Open, or closed where it could not be opened. Used by this job alone until it is done.
var socket: WebSocketPeer
var _url := ""
var _tls: TLSOptions = null
var _is_begun := false


func _init(of_socket: WebSocketPeer, url: String, tls: TLSOptions) -> void:
	socket = of_socket
	_url = url
	_tls = tls


func step() -> bool:
	if not _is_begun:
		_is_begun = true
		return socket.connect_to_url(_url, _tls) != OK
	socket.poll()
	return socket.get_ready_state() != WebSocketPeer.STATE_CONNECTING
