class_name ParleyConnectRequests
extends RefCounted
## The requests of an introduction: over the open event stream, or over HTTP without one. Repeating one has no second effect.

## An answer over the event stream takes no longer, or the way to the hub is gone.
const ANSWER_MS := 1_500.0

var _http: ParleyHttp
var _stream: ParleyEventStream
var _lobby := ""


func _init(http: ParleyHttp, stream: ParleyEventStream, lobby: String) -> void:
	_http = http
	_stream = stream
	_lobby = lobby


## Accepts the connection that the pair's member asks for, or asks for the member.
func send(pair: ParleyPair, reach: Dictionary, now: float) -> void:
	if pair.accepting != "":
		_accept(pair, reach)
		return
	# A relay that works is not replaced.
	pair.body = ParleyConnectionFields.connecting(pair.remote.peer_id, reach, not pair.remote.relay.is_usable)
	pair.asked_as = _stream.send("connect", ParleyConnectionFields.in_lobby(_lobby, pair.body), true)
	pair.asked_at = now
	if pair.asked_as == 0:
		_ask_over_http(pair)


func deny(connection: String) -> void:
	_stream.send("deny", ParleyConnectionFields.denying(connection))


## Takes the hub's answer: `[code, sentence]` of a refusal, else empty.
func take_refusal(pair: ParleyPair, now: float) -> PackedStringArray:
	if pair.asked_as != 0 and _stream.answers.has(pair.asked_as):
		var answer: Dictionary = _stream.answers[pair.asked_as]
		_stream.answers.erase(pair.asked_as)
		pair.asked_as = 0
		if answer["type"] == "ok":
			pair.connection = ParleyFields.text(answer["data"], "connection_id", pair.connection)
			return []
		var refusal := ParleyFields.refusal(answer["data"])
		if refusal[0] != "":
			return refusal
		# The stream broke before the answer.
		_ask_over_http(pair)
	elif pair.asked_as != 0 and now > pair.asked_at + ANSWER_MS:
		pair.asked_as = 0
		_ask_over_http(pair)
	if pair.request == null or not pair.request.done:
		return []
	var request := pair.request
	pair.request = null
	if request.code != "":
		return [request.code, request.why]
	pair.connection = ParleyFields.text(request.json, "connection_id", pair.connection)
	return []


func _ask_over_http(pair: ParleyPair) -> void:
	pair.request = _http.request(HTTPClient.METHOD_POST, "/lobbies/%s/connections" % _lobby, pair.body)


func _accept(pair: ParleyPair, reach: Dictionary) -> void:
	if _stream.send("accept", ParleyConnectionFields.accepting(pair.accepting, reach)) == 0:
		pair.request = _http.request(HTTPClient.METHOD_POST, "/connections/%s/accept" % pair.accepting, {"reach": reach})
