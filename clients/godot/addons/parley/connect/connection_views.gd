class_name ParleyConnectionViews
extends RefCounted
## The lobby's connections as they are now, as events: the hub may have sent what did not arrive.

var _http: ParleyHttp
var _lobby := ""
var _request: ParleyRequest = null


func _init(http: ParleyHttp, lobby: String) -> void:
	_http = http
	_lobby = lobby


func request() -> void:
	if _request == null:
		_request = _http.request(HTTPClient.METHOD_GET, "/lobbies/%s/connections" % _lobby)


## The events since the last look: `[type, data]`.
func take() -> Array[Array]:
	var events: Array[Array] = []
	if _request == null or not _request.done:
		return events
	for view: Variant in ParleyFields.array(_request.json, "connections"):
		_read(view, events)
	_request = null
	return events


static func _read(view: Variant, events: Array[Array]) -> void:
	var state := ParleyFields.text(view, "state")
	if state == "over":
		return
	var whose := {"connection_id": ParleyFields.text(view, "connection_id"), "peer_id": ParleyFields.text(view, "peer_id")}
	for type: String in ["punch", "relay"]:
		var data := ParleyFields.dictionary(view, type)
		if not data.is_empty():
			events.append(["connect." + type, data.merged(whose)])
	var asked: bool = view.get("asked") == true
	if view.get("wants_reach") == true or (state == "waiting" and not asked):
		events.append(["connect.accepted" if asked else "connect.requested", whose])
