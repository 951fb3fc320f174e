class_name ParleyHttpExchange
extends ParleyJob
## Carries out one HTTP request in three tries of 2.5, 5 and 10 seconds, each after the first on a new connection.

const ANSWER_MS := 2_500.0
const TRIES_MAX := 3
const AGAIN_MS := 250.0
## What is left to a try whose connection is of a network that this machine has left.
const FORGOTTEN_MS := 500.0
const BODY_BYTES_MAX := 4_000_000

## HTTP status; 0 where the hub did not answer.
var status := 0
## The answer as it came.
var received := PackedByteArray()
## The JSON of the answer, or null.
var json: Variant = null
var _connections: ParleyHttpConnections
var _request: ParleyRequest
var _client: HTTPClient = null
var _tries := 0
var _began := 0.0
var _begin_at := 0.0
var _is_sent := false


func _init(connections: ParleyHttpConnections, request: ParleyRequest) -> void:
	_connections = connections
	_request = request


func step() -> bool:
	var now := Time.get_ticks_usec() / 1000.0
	if now < _begin_at:
		return false
	if _client == null:
		_begin(now)
	var deadline := _began + ANSWER_MS * pow(2.0, _tries)
	if _began <= _connections.forgotten_at:
		deadline = minf(deadline, _connections.forgotten_at + FORGOTTEN_MS)
	if now > deadline:
		return _fail(now)
	# An answer on loopback passes several states at once.
	for states in 4:
		_client.poll()
		match _client.get_status():
			HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_REQUESTING:
				return false
			HTTPClient.STATUS_CONNECTED:
				if _is_sent:
					return _end()
				_is_sent = true
				if _client.request_raw(_request.method, _request.path, _request.headers, _request.body) != OK:
					return _fail(now)
			HTTPClient.STATUS_BODY:
				status = _client.get_response_code()
				received.append_array(_client.read_response_body_chunk())
				if received.size() > BODY_BYTES_MAX:
					return _fail(now)
				if _client.get_status() == HTTPClient.STATUS_CONNECTED:
					return _end()
			_:
				return _end() if status > 0 and received.size() > 0 else _fail(now)
	return false


func _begin(now: float) -> void:
	_began = now
	_is_sent = false
	status = 0
	received = PackedByteArray()
	if _tries == 0:
		_client = _connections.take()
	if _client == null:
		_client = HTTPClient.new()
		# A failure is a status, too.
		_client.connect_to_host(_connections.host, _connections.port, _connections.tls)


# True where this was the last try.
func _fail(now: float) -> bool:
	_client.close()
	_client = null
	_tries += 1
	_begin_at = now + (0.0 if _tries == 1 else AGAIN_MS * _tries)
	status = 0
	return _tries >= TRIES_MAX


func _end() -> bool:
	status = _client.get_response_code()
	var is_json := false
	for header in _client.get_response_headers():
		is_json = is_json or (header.to_lower().begins_with("content-type:") and header.contains("json"))
	if _client.get_status() == HTTPClient.STATUS_CONNECTED:
		_connections.give_back(_client, _began)
	else:
		_client.close()
	_client = null
	if is_json:
		var parser := JSON.new()
		if parser.parse(received.get_string_from_utf8()) == OK:
			json = parser.data
	return true
