class_name ParleyConnector
extends RefCounted
## Introductions in one lobby: asks the hub for members, accepts those that ask, observes this machine's endpoints just before,
## and hands the hub's plans, keys and relays to the remote peers. Without coroutines: [method poll] carries everything on.

## Introductions that follow a failed one at once, from new sockets.
const TRIES_AT_ONCE := 2
const INTRODUCTION_MS := 20_000.0
const ASKED_WAITS_MS := 1_500.0
const RETRY_MS := 1_000.0

## Peers that asked while [member refuse_new] is off, and remote peers whose path has changed, since the last look.
var changed: Array[ParleyRemote] = []
var refuse_new := false
var birthday := true
var _http: ParleyHttp
var _stream: ParleyEventStream
var _lobby := ""
var _observer: ParleyObserver
var _pairs := {}
var _views: ParleyConnectionViews
var _relays: ParleyRelayRequests


func _init(http: ParleyHttp, stream: ParleyEventStream, lobby: String, observer: ParleyObserver) -> void:
	_http = http
	_stream = stream
	_lobby = lobby
	_observer = observer
	_views = ParleyConnectionViews.new(http, lobby)
	_relays = ParleyRelayRequests.new(http, lobby)


## Asks for this member; the same remote peer where there is one.
func connect_to(peer_id: String, now: float) -> ParleyRemote:
	var pair := _pair(peer_id)
	pair.wanted = true
	if pair.remote.path == "":
		_ask(pair, now)
	return pair.remote


func remote(peer_id: String) -> ParleyRemote:
	var pair: ParleyPair = _pairs.get(peer_id)
	return pair.remote if pair != null else null


func remotes() -> Array[ParleyRemote]:
	var out: Array[ParleyRemote] = []
	for pair: ParleyPair in _pairs.values():
		out.append(pair.remote)
	return out


## The hub's last refusal about this member: `[code, sentence]`.
func refusal(peer_id: String) -> PackedStringArray:
	var pair: ParleyPair = _pairs.get(peer_id)
	return PackedStringArray([pair.code, pair.why]) if pair != null else PackedStringArray(["", ""])


## Forgets a member.
func drop(peer_id: String) -> void:
	var pair: ParleyPair = _pairs.get(peer_id)
	if pair == null:
		return
	if pair.request != null:
		pair.request.cancel()
	pair.remote.close()
	_pairs.erase(peer_id)


func close() -> void:
	for peer_id: String in _pairs.keys():
		drop(peer_id)


## This machine has another address.
func moved(now: float) -> void:
	_observer.forget()
	for pair: ParleyPair in _pairs.values():
		pair.busy_until = 0.0
		pair.attempt = 0
		pair.gathering = null
		pair.remote.moved(now)


## The hub may have sent what did not arrive: looks at all connections.
func resume(now: float) -> void:
	_views.request()
	for pair: ParleyPair in _pairs.values():
		if pair.asked and pair.remote.path != ParleyPath.DIRECT and pair.remote.path != "":
			_ask(pair, now)


## An event of the hub. False where it is not about a connection.
func handle(type: String, data: Dictionary, now: float) -> bool:
	if not type.begins_with("connect."):
		return false
	var connection := ParleyFields.text(data, "connection_id")
	var peer_id := ParleyFields.text(data, "peer_id")
	if connection == "" or peer_id == "":
		return true
	if type == "connect.requested":
		if refuse_new and not _pairs.has(peer_id):
			_stream.send("deny", ParleyConnectionFields.denying(connection))
			return true
		var asking := _pair(peer_id)
		asking.asked = false
		_gather(asking, connection, now)
		return true
	var pair: ParleyPair = _pairs.get(peer_id)
	if pair == null:
		return true
	match type:
		"connect.accepted":
			_gather(pair, connection, now)
		"connect.punch":
			_punch(pair, connection, data, now)
		"connect.relay":
			_relay(pair, connection, data, now)
		"connect.failed":
			pair.remote.reason = ParleyFields.text(data, "message")
			_refused(pair, ParleyFields.text(data, "reason"), pair.remote.reason, now)
	return true


## Takes in what came, for all remote peers.
func pump_in(now: float) -> void:
	for pair: ParleyPair in _pairs.values():
		pair.remote.pump_in(now)


## Carries everything on, and sends what is due.
func poll(now: float) -> void:
	for pair: ParleyPair in _pairs.values():
		_advance(pair, now)
		pair.remote.pump_out(now)
		if not pair.remote.events.is_empty():
			_handle_events(pair, now)
	for event in _views.take():
		handle(event[0], event[1], now)


# --- asking and accepting ---------------------------------------------------------------------------------------------


func _ask(pair: ParleyPair, now: float) -> void:
	if pair.remote.is_closed or now < pair.busy_until:
		return
	pair.asked = true
	pair.ask_at = INF
	_gather(pair, "", now)


func _gather(pair: ParleyPair, accepting: String, now: float) -> void:
	pair.busy_until = now + INTRODUCTION_MS
	pair.accepting = accepting
	if accepting != "":
		pair.connection = accepting
	if pair.gathering != null:
		return
	if pair.attempt > 0 and accepting == "":
		pair.remote.renew_socket()
	if pair.remote.sockets.bind(pair.remote.socket):
		pair.gathering = _observer.gather(pair.remote.sockets, pair.remote.socket, pair.remote.questions, now)


func _advance(pair: ParleyPair, now: float) -> void:
	if pair.gathering != null:
		pair.gathering.poll(now)
		if pair.gathering.done:
			_tell(pair, now)
	if pair.request != null and pair.request.done:
		var request := pair.request
		pair.request = null
		if request.code == "":
			pair.connection = ParleyFields.text(request.json, "connection_id", pair.connection)
		else:
			_refused(pair, request.code, request.why, now)
	if _relays.poll(pair, now):
		# A new introduction brings its relay.
		pair.remote.forget_relay()
		_ask(pair, now)
	if now >= pair.ask_at:
		pair.ask_at = INF
		if pair.remote.path != ParleyPath.DIRECT:
			_ask(pair, now)


func _tell(pair: ParleyPair, now: float) -> void:
	var gathered := pair.gathering
	pair.gathering = null
	pair.udp = gathered.udp
	for look in gathered.looks:
		if look["socket"] == 0:
			pair.remote.receipts[look["via"]["address"]] = look["receipt"]
	var rtt := _stream.rtt_ms if _stream.rtt_ms >= 0.0 else 50.0
	var reach := _observer.reach(gathered, now, rtt, {"birthday": birthday, "attempt": mini(pair.attempt, 15), "epoch": pair.epoch})
	if pair.accepting == "":
		# A relay that works is not replaced.
		var body := ParleyConnectionFields.connecting(pair.remote.peer_id, reach, not pair.remote.has_relay)
		pair.request = _http.request(HTTPClient.METHOD_POST, "/lobbies/%s/connections" % _lobby, body)
	elif _stream.send("accept", ParleyConnectionFields.accepting(pair.accepting, reach)) == 0:
		pair.request = _http.request(HTTPClient.METHOD_POST, "/connections/%s/accept" % pair.accepting, {"reach": reach})


func _refused(pair: ParleyPair, code: String, why: String, now: float) -> void:
	pair.busy_until = 0.0
	pair.code = code
	pair.why = why
	if pair.remote.channel != null:
		pair.remote.channel.selector.unpunchable(now)
	if pair.wanted and pair.remote.path == "":
		pair.ask_at = now + RETRY_MS


# --- introductions ----------------------------------------------------------------------------------------------------


func _punch(pair: ParleyPair, connection: String, data: Dictionary, now: float) -> void:
	var plan := ParleyPlan.read(data.get("plan"))
	var key := ParleyConnectionFields.pair_key(data)
	if pair.begun == connection or plan == null or key.is_empty():
		return
	pair.begun = connection
	pair.connection = connection
	pair.epoch = key["epoch"]
	pair.remote.reason = ParleyFields.text(data, "message")
	pair.remote.nat_pair = ParleyFields.text(data, "nat_pair")
	pair.remote.begin(plan, key, ParleyFields.number(data, "start_in_ms"), now)


func _relay(pair: ParleyPair, connection: String, data: Dictionary, now: float) -> void:
	var relay := ParleyConnectionFields.relay(data.get("relay"))
	var key := ParleyConnectionFields.pair_key(data)
	if relay.is_empty() or (key.is_empty() and pair.remote.channel == null):
		return
	if not key.is_empty():
		pair.epoch = key["epoch"]
	pair.connection = connection
	pair.remote.reason = ParleyFields.text(data, "message", pair.remote.reason)
	pair.remote.nat_pair = ParleyFields.text(data, "nat_pair", pair.remote.nat_pair)
	pair.remote.enter(relay, key, now)
	if not pair.udp:
		pair.remote.open_tunnel()
	if pair.begun == connection:
		return
	# No punch is tried: this is all there is for now.
	pair.busy_until = 0.0
	pair.remote.channel.selector.unpunchable(now)
	pair.report(_http, ParleyPath.RELAY if pair.udp else ParleyPath.TUNNEL)


func _handle_events(pair: ParleyPair, now: float) -> void:
	var events := pair.remote.events
	pair.remote.events = []
	for event in events:
		match event:
			"path":
				changed.append(pair.remote)
				if pair.remote.path == ParleyPath.DIRECT:
					pair.relay_again = ParleyRelayRequests.AGAIN_MS
				if pair.remote.path == "":
					_relays.need(pair, now)
			"upgrade":
				if pair.asked:
					_ask(pair, now)
				else:
					pair.ask_at = minf(pair.ask_at, now + ASKED_WAITS_MS)
			"punched":
				_punched(pair, now)
			"relay_needed":
				_relays.need(pair, now)
			"relay_silent":
				_relays.replace_silent(pair, now)


func _punched(pair: ParleyPair, now: float) -> void:
	var punch := pair.remote.channel.punch
	pair.busy_until = 0.0
	if punch.outcome == "opened":
		pair.attempt = 0
		var times := {"elapsed_ms": maxi(0, roundi(punch.after_ms)), "rtt_ms": roundi(maxf(0.0, punch.opened_way.rtt_ms))}
		pair.report(_http, ParleyPath.DIRECT, times)
		return
	pair.attempt += 1
	var carried := ParleyPath.RELAY if pair.remote.has_relay else "none"
	pair.report(_http, carried, {"message": "%s, %d sent" % [punch.outcome, punch.sent]})
	if pair.attempt < TRIES_AT_ONCE and pair.asked:
		_ask(pair, now)
	elif not pair.remote.has_relay:
		_relays.need(pair, now)


func _pair(peer_id: String) -> ParleyPair:
	if not _pairs.has(peer_id):
		var pair := ParleyPair.new()
		pair.remote = ParleyRemote.new(peer_id)
		_pairs[peer_id] = pair
	return _pairs[peer_id]
