class_name ParleyHttp
extends RefCounted
## HTTP to one hub over connections that are kept open. Each request is bounded: three tries of 2.5, 5 and 10 seconds, each on
## a new connection, because an old one may lead to a network that this machine has left. A POST carries an idempotency key.

const ANSWER_MS := 2_500.0
const TRIES_MAX := 3
const AGAIN_MS := 250.0
## Open connections that wait for a request, and requests at once.
const IDLE_MAX := 2
const RUNNING_MAX := 4
const BODY_BYTES_MAX := 4_000_000

var url := ""
var game := ""
## Secret; empty before there is an identity.
var token := ""
var _host := ""
var _port := 0
var _tls: TLSOptions = null
var _base := ""
var _idle: Array[HTTPClient] = []
var _running: Array[ParleyRequest] = []
var _waiting: Array[ParleyRequest] = []


func _init(hub_url: String, hub_game: String) -> void:
	url = hub_url.trim_suffix("/")
	game = hub_game
	var secure := url.begins_with("https://")
	var rest := url.get_slice("://", 1)
	var authority := rest.get_slice("/", 0)
	_base = rest.substr(authority.length()) + "/v1/games/" + game.uri_encode()
	_port = 443 if secure else 80
	_host = authority
	var colon := authority.rfind(":")
	if colon > authority.rfind("]"):
		_port = authority.substr(colon + 1).to_int()
		_host = authority.left(colon)
	_host = _host.trim_prefix("[").trim_suffix("]")
	if secure:
		_tls = TLSOptions.client()


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
	poll(Time.get_ticks_usec() / 1000.0)
	return one


func poll(now: float) -> void:
	var at := 0
	while at < _waiting.size() and _running.size() < RUNNING_MAX:
		if _waiting[at].after == null or _waiting[at].after.done:
			_waiting[at].after = null
			_running.append(_waiting.pop_at(at))
		else:
			at += 1
	var left: Array[ParleyRequest] = []
	for one in _running:
		if not one.cancelled:
			_advance(one, now)
		elif one.client != null:
			one.client.close()
		if not one.done and not one.cancelled:
			left.append(one)
	_running = left


## This machine has another address: no old connection is used again.
func forget_connections() -> void:
	for client in _idle:
		client.close()
	_idle.clear()
	for one in _running:
		one.deadline = minf(one.deadline, Time.get_ticks_usec() / 1000.0 + 500.0)


## Sends what waits before the process ends, in bounded time.
func flush(within_ms: float) -> void:
	var until := Time.get_ticks_usec() / 1000.0 + within_ms
	while not (_running.is_empty() and _waiting.is_empty()) and Time.get_ticks_usec() / 1000.0 < until:
		poll(Time.get_ticks_usec() / 1000.0)
		OS.delay_msec(1)


func close() -> void:
	forget_connections()
	for one in _running + _waiting:
		if one.client != null:
			one.client.close()
			one.client = null
		one.fail(ParleyErrors.LEFT, ParleyErrors.sentence(ParleyErrors.LEFT))
	_running.clear()
	_waiting.clear()


func _advance(one: ParleyRequest, now: float) -> void:
	if now < one.begin_at:
		return
	if one.client == null and not _begin(one, now):
		return
	if now > one.deadline:
		_retry(one, now)
		return
	# An answer on loopback passes several states within one call.
	for step in 4:
		one.client.poll()
		match one.client.get_status():
			HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_REQUESTING:
				return
			HTTPClient.STATUS_CONNECTED:
				if one.is_sent:
					_answered(one)
					return
				one.is_sent = true
				if one.client.request_raw(one.method, one.path, one.headers, one.body) != OK:
					_retry(one, now)
					return
			HTTPClient.STATUS_BODY:
				one.status = one.client.get_response_code()
				one.received.append_array(one.client.read_response_body_chunk())
				if one.received.size() > BODY_BYTES_MAX:
					_retry(one, now)
					return
				if one.client.get_status() == HTTPClient.STATUS_CONNECTED:
					_answered(one)
					return
			_:
				if one.status > 0 and one.received.size() > 0:
					_answered(one)
				else:
					_retry(one, now)
				return


func _begin(one: ParleyRequest, now: float) -> bool:
	one.is_sent = false
	one.status = 0
	one.received = PackedByteArray()
	one.deadline = now + ANSWER_MS * pow(2.0, one.tries)
	if one.tries == 0 and not _idle.is_empty():
		one.client = _idle.pop_back()
		return true
	one.client = HTTPClient.new()
	if one.client.connect_to_host(_host, _port, _tls) != OK:
		_retry(one, now)
		return false
	return true


func _retry(one: ParleyRequest, now: float) -> void:
	if one.client != null:
		one.client.close()
		one.client = null
	one.tries += 1
	one.begin_at = now + (0.0 if one.tries == 1 else AGAIN_MS * one.tries)
	if one.tries >= TRIES_MAX:
		one.fail(ParleyErrors.UNREACHABLE, ParleyErrors.sentence(ParleyErrors.UNREACHABLE))


func _answered(one: ParleyRequest) -> void:
	one.done = true
	one.status = one.client.get_response_code()
	var is_json := false
	for header in one.client.get_response_headers():
		is_json = is_json or (header.to_lower().begins_with("content-type:") and header.contains("json"))
	if one.client.get_status() == HTTPClient.STATUS_CONNECTED and _idle.size() < IDLE_MAX:
		_idle.append(one.client)
	else:
		one.client.close()
	one.client = null
	if is_json:
		var parser := JSON.new()
		if parser.parse(one.received.get_string_from_utf8()) == OK:
			one.json = parser.data
	if one.status >= 200 and one.status < 300:
		return
	var problem_code := ParleyFields.text(one.json, "code")
	if problem_code == "":
		one.fail(ParleyErrors.UNREACHABLE, "Something that is no lobby server answered %d." % one.status, one.status)
		return
	one.code = problem_code
	one.why = (ParleyFields.text(one.json, "title") + " " + ParleyFields.text(one.json, "detail")).strip_edges()
	one.retry_after_s = maxi(0, ParleyFields.whole(one.json.get("retry_after_s")))
	one.request_id = ParleyFields.text(one.json, "request_id")
