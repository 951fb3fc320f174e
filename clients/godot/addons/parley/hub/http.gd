class_name ParleyHttp
extends RefCounted
## HTTP to one hub over connections that are kept open. Each request is bounded (see [ParleyHttpExchange]); a POST carries an
## idempotency key, because it may be tried again.

## Requests at once.
const RUNNING_MAX := 4

var url := ""
var game := ""
## Secret; empty before there is an identity.
var token := ""
## Of a WebSocket, below the game.
var socket_url := ""
var worker: ParleyWorker
var connections := ParleyHttpConnections.new()
var _base := ""
var _running: Array[ParleyRequest] = []
var _waiting: Array[ParleyRequest] = []


func _init(hub_url: String, hub_game: String, of_worker: ParleyWorker) -> void:
	url = hub_url.trim_suffix("/")
	game = hub_game
	worker = of_worker
	var is_secure := url.begins_with("https://")
	var rest := url.get_slice("://", 1)
	var authority := rest.get_slice("/", 0)
	_base = rest.substr(authority.length()) + "/v1/games/" + game.uri_encode()
	connections.port = 443 if is_secure else 80
	connections.host = authority
	var colon := authority.rfind(":")
	if colon > authority.rfind("]"):
		connections.port = authority.substr(colon + 1).to_int()
		connections.host = authority.left(colon)
	connections.host = ParleyAddresses.uncompressed(connections.host.trim_prefix("[").trim_suffix("]"))
	if connections.host.contains(":"):
		authority = "[%s]:%d" % [connections.host, connections.port]
	socket_url = ("wss://" if is_secure else "ws://") + authority + _base
	if is_secure:
		connections.tls = TLSOptions.client()


## Below the game. Returns at once; [method poll] carries it out.
## `body`: bytes as they are, anything else as JSON. `after`: begins when that one is done.
func request(method: HTTPClient.Method, path: String, body: Variant = null, after: ParleyRequest = null) -> ParleyRequest:
	var one := ParleyRequest.new()
	one.after = after
	one.method = method
	one.path = _base + path
	one.headers = PackedStringArray(["accept: application/json, application/problem+json"])
	if token != "":
		one.headers.append("authorization: Bearer " + token)
	if body is PackedByteArray:
		one.body = body
		one.headers.append("content-type: application/octet-stream")
	elif body != null:
		one.body = JSON.stringify(body).to_utf8_buffer()
		var type := "application/merge-patch+json" if method == HTTPClient.METHOD_PATCH else "application/json"
		one.headers.append("content-type: " + type)
	if method == HTTPClient.METHOD_POST:
		one.headers.append("idempotency-key: " + ParleyRandom.word(32))
	_waiting.append(one)
	_begin()
	return one


func poll() -> void:
	worker.poll()
	var left: Array[ParleyRequest] = []
	for one in _running:
		if one.is_cancelled:
			continue
		if one.exchange.is_done:
			one.finish()
		else:
			left.append(one)
	_running = left
	_begin()


## This machine has another address: no old connection is used again.
func forget_connections() -> void:
	connections.forget(Time.get_ticks_usec() / 1000.0)


## Sends what waits before the process ends, in bounded time.
func flush(within_ms: float) -> void:
	var until := Time.get_ticks_usec() / 1000.0 + within_ms
	poll()
	while not (_running.is_empty() and _waiting.is_empty()) and Time.get_ticks_usec() / 1000.0 < until:
		OS.delay_msec(1)
		poll()


func close() -> void:
	forget_connections()
	for one in _running + _waiting:
		one.cancel()
		one.fail(ParleyErrors.LEFT, ParleyErrors.sentence(ParleyErrors.LEFT))
	_running.clear()
	_waiting.clear()


func _begin() -> void:
	var at := 0
	while at < _waiting.size() and _running.size() < RUNNING_MAX:
		var one := _waiting[at]
		if one.is_cancelled:
			_waiting.remove_at(at)
		elif one.after == null or one.after.done:
			one.after = null
			_waiting.remove_at(at)
			one.exchange = ParleyHttpExchange.new(connections, one)
			worker.add(one.exchange)
			_running.append(one)
		else:
			at += 1
