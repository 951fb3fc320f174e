# A noray client for Godot 4 that behaves like netfox's, with the same names for what games use of it: the autoload
# `Noray` of netfox.gd. Lines end with LF, a command has one word of data, and nothing is sent twice.
extends Node

signal on_command(command: String, data: String)

var oid := ""
var pid := ""
var local_port := 0:
	get: return _local_port
var _address := ""
var _local_port := 0
var _tcp := StreamPeerTCP.new()
var _unread := ""


func connect_to_host(address: String, port := 8890) -> Error:
	_address = address
	_tcp.connect_to_host(address, port)
	_tcp.set_no_delay(true)
	while _tcp.get_status() == StreamPeerTCP.STATUS_CONNECTING:
		_tcp.poll()
		await get_tree().process_frame
	return OK if _tcp.get_status() == StreamPeerTCP.STATUS_CONNECTED else ERR_CONNECTION_ERROR


func say(line: String) -> void:
	_tcp.put_data((line + "\n").to_utf8_buffer())


func register_host() -> void:
	say("register-host")
	while pid == "":
		await get_tree().process_frame


# The pid from a new socket ten times a second, until the registrar replies.
func register_remote(port := 8809) -> Error:
	var udp := PacketPeerUDP.new()
	udp.bind(0)
	udp.set_dest_address(_address, port)
	for attempt in 80:
		udp.put_packet(pid.to_utf8_buffer())
		if udp.get_available_packet_count() > 0:
			var is_ok := udp.get_packet().get_string_from_utf8() == "OK"
			_local_port = udp.get_local_port()
			udp.close()
			return OK if is_ok else FAILED
		await get_tree().create_timer(0.1).timeout
	return ERR_TIMEOUT


func _process(_delta: float) -> void:
	if _tcp.get_status() != StreamPeerTCP.STATUS_CONNECTED:
		return
	_tcp.poll()
	var arrived := _tcp.get_available_bytes()
	if arrived > 0:
		_unread += _tcp.get_utf8_string(arrived)
	while "\n" in _unread:
		var end := _unread.find("\n")
		var words := _unread.substr(0, end).split(" ")
		_unread = _unread.substr(end + 1)
		_take(words[0], words[1] if words.size() > 1 else "")


func _take(command: String, data: String) -> void:
	if command == "set-oid":
		oid = data
	if command == "set-pid":
		pid = data
	on_command.emit(command, data)
