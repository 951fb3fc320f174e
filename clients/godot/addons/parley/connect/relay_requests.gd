class_name ParleyRelayRequests
extends RefCounted
## Asks the hub for the relays of one lobby's connections, within bounds.

## Another relay is asked for after this, doubling up to AGAIN_MAX_MS while nothing works.
const AGAIN_MS := 2_000.0
const AGAIN_MAX_MS := 60_000.0
const REQUEST_MS := 1_000.0

var _http: ParleyHttp
var _lobby := ""


func _init(http: ParleyHttp, lobby: String) -> void:
	_http = http
	_lobby = lobby


## `lost`: the end of a relay that does not answer any more.
func need(pair: ParleyPair, now: float, lost := {}) -> void:
	if pair.connection == "" or pair.relay_request != null or now - pair.relay_asked_at < REQUEST_MS:
		return
	pair.relay_asked_at = now
	var body := ParleyConnectionFields.relaying(pair.connection, lost)
	pair.relay_request = _http.request(HTTPClient.METHOD_POST, "/lobbies/%s/relays" % _lobby, body)


## UDP does not get there, or the sidecar has ended: a WebSocket carries meanwhile, and another relay is asked for.
func replace_silent(pair: ParleyPair, now: float) -> void:
	if pair.remote.path == ParleyPath.DIRECT:
		return
	pair.remote.relay.open_tunnel()
	if now - pair.relay_asked_at >= pair.relay_again and pair.udp:
		pair.relay_again = minf(2.0 * pair.relay_again, AGAIN_MAX_MS)
		need(pair, now, pair.remote.relay.endpoint)


## Enters the relay that the hub gave. True where it gave none: it has forgotten the introduction.
func poll(pair: ParleyPair, now: float) -> bool:
	var request := pair.relay_request
	if request == null or not request.done:
		return false
	pair.relay_request = null
	if request.code != "":
		return true
	var relay := ParleyConnectionFields.relay(request.json)
	if not relay.is_empty():
		pair.remote.enter(relay, {}, now)
	return false
