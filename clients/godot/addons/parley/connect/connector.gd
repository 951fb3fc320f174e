class_name ParleyConnector
extends RefCounted
## Introductions in one lobby: asks the hub for members, accepts those that ask, observes this machine's endpoints just before,
## and hands the hub's plans, keys and relays to the remote peers. Without coroutines: [method poll] carries everything on.

## Introductions that follow a failed one at once, from new sockets.
const TRIES_AT_ONCE := 2
const INTRODUCTION_MS := 20_000.0
const ASKED_WAITS_MS := 1_500.0
const RETRY_MS := 1_000.0
const FRAME_MS := 16.0

## Peers that asked while [member refuse_new] is off, and remote peers whose path has changed, since the last look.
var changed: Array[ParleyRemote] = []
var refuse_new := false
var reach: ParleyReachGatherer
var _http: ParleyHttp
var _stream: ParleyEventStream
var _pairs := {}
var _views: ParleyConnectionViews
var _requests: ParleyConnectRequests
var _relays: ParleyRelayRequests
# Of the hub, that wait: `[type, data, when it came]`.
var _events: Array[Array] = []
var _handled_at := 0.0


func _init(http: ParleyHttp, stream: ParleyEventStream, lobby: String, observer: ParleyObserver) -> void:
	_http = http
	_stream = stream
	reach = ParleyReachGatherer.new(observer)
	_views = ParleyConnectionViews.new(http, lobby)
	_requests = ParleyConnectRequests.new(http, stream, lobby)
	_relays = ParleyRelayRequests.new(http, lobby)


## Asks for this member; the same remote peer where there is one.
func connect_to(peer_id: String, now: float) -> ParleyRemote:
	var pair := _pair(peer_id, now)
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
	reach.close()


## This machine has another address.
func moved(now: float) -> void:
	reach.forget()
	for pair: ParleyPair in _pairs.values():
		pair.busy_until = 0.0
		pair.attempt = 0
		pair.gathering = null
		pair.observed = null
		pair.remote.moved(now)


## The hub may have sent what did not arrive: looks at all connections.
func resume(now: float) -> void:
	_views.request()
	for pair: ParleyPair in _pairs.values():
		if pair.asked and pair.remote.path != ParleyPath.DIRECT and pair.remote.path != "":
			_ask(pair, now)


## An event of the hub, to be handled soon. False where it is not about a connection.
func handle(type: String, data: Dictionary, now: float) -> bool:
	if not type.begins_with("connect."):
		return false
	_events.append([type, data, now])
	return true


## Takes in what came, from all remote peers in turns.
func pump_in(budget: ParleyFrameBudget, now: float) -> void:
	budget.give_turns(remotes(), func(one: ParleyRemote) -> bool: return one.pump_in(budget.turn_bytes, now))


## Carries everything on, and sends what is due.
func poll(now: float) -> void:
	reach.poll(now)
	_handle_next(now)
	for pair: ParleyPair in _pairs.values():
		_advance(pair, now)
		pair.remote.pump_out(now)
		if not pair.remote.events.is_empty():
			_handle_events(pair, now)
	for event in _views.take():
		handle(event[0], event[1], now)


# One that takes long in each frame, and as many in a late frame as it is late: an observation or a key takes a millisecond, and a
# host may be asked by everybody at once.
func _handle_next(now: float) -> void:
	var left := maxi(1, int((now - _handled_at) / FRAME_MS))
	_handled_at = now
	while not _events.is_empty() and left > 0:
		var event: Array = _events.pop_front()
		if _handle_one(event[0], event[1], event[2], now):
			left -= 1


# Whether it took long.
func _handle_one(type: String, data: Dictionary, came_at: float, now: float) -> bool:
	var connection := ParleyFields.text(data, "connection_id")
	var peer_id := ParleyFields.text(data, "peer_id")
	if connection == "" or peer_id == "":
		return false
	if type == "connect.requested":
		if refuse_new and not _pairs.has(peer_id):
			_requests.deny(connection)
			return false
		var asking := _pair(peer_id, now)
		asking.asked = false
		_gather(asking, connection, now)
		return true
	var pair: ParleyPair = _pairs.get(peer_id)
	if pair == null:
		return false
	var epoch := pair.epoch
	match type:
		"connect.accepted":
			_gather(pair, connection, now)
			return true
		"connect.punch":
			_punch(pair, connection, data, came_at)
		"connect.relay":
			_relay(pair, connection, data, now)
		"connect.failed":
			pair.remote.reason = ParleyFields.text(data, "message")
			_refused(pair, ParleyFields.text(data, "reason"), pair.remote.reason, now)
	return pair.epoch != epoch


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
	reach.begin(pair, now)


func _advance(pair: ParleyPair, now: float) -> void:
	var told := reach.take(pair, _stream.rtt_ms if _stream.rtt_ms >= 0.0 else 50.0, now)
	if not told.is_empty():
		_requests.send(pair, told, now)
	var refusal := _requests.take_refusal(pair, now)
	if not refusal.is_empty():
		_refused(pair, refusal[0], refusal[1], now)
	if _relays.poll(pair, now):
		# A new introduction brings its relay.
		pair.remote.relay.forget()
		_ask(pair, now)
	if now >= pair.ask_at:
		pair.ask_at = INF
		if pair.remote.path != ParleyPath.DIRECT:
			_ask(pair, now)


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
		pair.remote.relay.open_tunnel()
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
	var carried := ParleyPath.RELAY if pair.remote.relay.is_usable else "none"
	pair.report(_http, carried, {"message": "%s, %d sent" % [punch.outcome, punch.sent]})
	if pair.attempt < TRIES_AT_ONCE and pair.asked:
		_ask(pair, now)
	elif not pair.remote.relay.is_usable:
		_relays.need(pair, now)


func _pair(peer_id: String, now: float) -> ParleyPair:
	if not _pairs.has(peer_id):
		var pair := ParleyPair.new()
		pair.remote = ParleyRemote.new(peer_id, _http.worker)
		reach.equip(pair, now)
		_pairs[peer_id] = pair
	return _pairs[peer_id]
