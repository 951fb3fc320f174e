class_name ParleyReachGatherer
extends RefCounted
## Gathers where a connection's socket is reached, for the hub: from the observation made in advance, or from a new one.

const NEXT_MS := 1_000.0

## Whether up to 256 sockets may be used for one connection.
var birthday := true
var _observer: ParleyObserver
var _warm: ParleyWarmSocket


func _init(observer: ParleyObserver) -> void:
	_observer = observer
	_warm = ParleyWarmSocket.new(observer, -INF)


## A new remote peer plays on the warm socket, and the next one is prepared.
func equip(pair: ParleyPair, now: float) -> void:
	pair.remote.sockets = _warm.sockets
	pair.remote.questions = _warm.questions
	pair.observed = _warm.gathering
	# Not at once: a router that counts ports would be further than the hub predicts.
	_warm = ParleyWarmSocket.new(_observer, now + NEXT_MS)


## Begins for a pair, with a new socket where an introduction has failed: the router may keep a bad mapping of the old one.
func begin(pair: ParleyPair, now: float) -> void:
	if pair.gathering != null:
		return
	var observed := pair.observed
	pair.observed = null
	if pair.attempt > 0 and pair.accepting == "":
		pair.remote.renew_socket()
	elif observed != null and observed.is_usable(now):
		pair.gathering = observed
		return
	if pair.remote.sockets.bind(pair.remote.socket):
		pair.gathering = _observer.gather(pair.remote.sockets, pair.remote.socket, pair.remote.questions, now)


## The reach of a pair, once; empty while it is not known.
func take(pair: ParleyPair, rtt_ms: float, now: float) -> Dictionary:
	if pair.gathering == null:
		return {}
	pair.gathering.poll(now)
	if not pair.gathering.done:
		return {}
	var gathered := pair.gathering
	pair.gathering = null
	pair.udp = gathered.udp
	for look in gathered.looks:
		if look["socket"] == 0:
			pair.remote.relay.receipts[look["via"]["address"]] = look["receipt"]
	return _observer.reach(gathered, now, rtt_ms, {"birthday": birthday, "attempt": mini(pair.attempt, 15), "epoch": pair.epoch})


func poll(now: float) -> void:
	_warm.poll(now)


## This machine may be in another network.
func forget() -> void:
	_observer.forget()
	_warm.close()
	_warm = ParleyWarmSocket.new(_observer, -INF)


func close() -> void:
	_warm.close()
