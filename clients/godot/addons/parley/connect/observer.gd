class_name ParleyObserver
extends RefCounted
## What is known of this machine's network, for all connections of a session: the endpoints that sidecars saw, and what the
## router lets in.

const FRESH_SOCKETS := 3
const SIDECARS_ASKED := 2
const LOOKS_MAX := 32
const LOOKS_MS := 45_000.0
## An observation that was made in advance is used for this long; routers keep a mapping for 30 s or more.
const USABLE_MS := 25_000.0
const FILTERING_MS := 600_000.0
const STRAGGLER_MS := 60.0

## `[{address, port}]` by sidecar.
var sidecars: Array[Array] = []
var udp_token := ""
## Empty, `independent`, `address` or `port`: which senders the router lets in.
var filtering := ""
var filtering_at := -INF
## Receipts of older looks: those of a counting router tell its step.
var looks: Array[Dictionary] = []
var _numbers := 0


## This machine may be in another network.
func forget() -> void:
	looks.clear()
	filtering = ""
	filtering_at = -INF


## Asks sidecars where the playing socket and a few fresh ones are seen. Poll it until it is done.
func gather(sockets: ParleySockets, number: int, questions: ParleyQuestions, now: float) -> Gathering:
	var kept: Array[Dictionary] = []
	for look in looks:
		if now - look["at_ms"] < LOOKS_MS:
			kept.append(look)
	looks = kept
	return Gathering.new(self, sockets, number, questions, now)


## The endpoints to ask: first ports of each sidecar.
func vias() -> Array[Dictionary]:
	var out: Array[Dictionary] = []
	for endpoints in sidecars.slice(0, SIDECARS_ASKED):
		for endpoint: Dictionary in endpoints:
			out.append(endpoint)
	return out


func next_number() -> int:
	_numbers = _numbers % 65_000 + 1
	return _numbers


## What this machine's network does, for the hub. An epoch below 0 is left out of `more`.
func reach(gathered: Gathering, now: float, rtt_ms: float, more: Dictionary) -> Dictionary:
	if more["epoch"] < 0:
		more.erase("epoch")
	if filtering != "" and now - filtering_at < FILTERING_MS:
		more["filtering"] = filtering
	return ParleyConnectionFields.reach(gathered.looks, gathered.hosts, now, rtt_ms, more)


class Gathering extends RefCounted:
	var done := false
	## No sidecar answered: UDP does not get out.
	var udp := false
	## All sidecars saw the playing socket at the same endpoint of each family.
	var is_stable := true
	## `looks`, and own addresses.
	var looks: Array[Dictionary] = []
	var hosts: Array[Dictionary] = []
	var _observer: ParleyObserver
	var _fresh := ParleySockets.new()
	var _fresh_questions: ParleyQuestions
	var _asked: Array[Dictionary] = []
	var _began := 0.0
	var _late_at := INF

	func _init(observer: ParleyObserver, sockets: ParleySockets, number: int, questions: ParleyQuestions, now: float) -> void:
		_observer = observer
		_began = now
		_fresh_questions = ParleyQuestions.new(_fresh)
		hosts = sockets.hosts(number)
		var head := "see " + observer.udp_token
		var via_v4 := {}
		# The playing socket first, and then the fresh ones back to back: the newest ports of a router that counts.
		for via in observer.vias():
			if via_v4.is_empty() and ParleyAddresses.is_v4(via["address"]):
				via_v4 = via
			_asked.append({"socket": 0, "port": sockets.port_of(number), "via": via,
				"question": questions.ask(head, number, via["address"], via["port"], now)})
		if not via_v4.is_empty():
			for fresh in FRESH_SOCKETS:
				if _fresh.bind(fresh):
					_asked.append({"socket": observer.next_number(), "port": _fresh.port_of(fresh), "via": via_v4,
						"question": _fresh_questions.ask(head, fresh, via_v4["address"], via_v4["port"], now)})

	## The owner of the playing socket polls its own questions.
	func poll(now: float) -> void:
		if done:
			return
		for number: int in _fresh.numbers():
			_fresh_questions.receive_all(number)
		_fresh_questions.poll(now)
		var answered := 0
		var open := 0
		for one in _asked:
			var question: ParleyQuestions.Question = one["question"]
			if question.is_answered:
				answered += 1
			elif not question.done:
				open += 1
		if answered > 0 and _late_at == INF:
			_late_at = now + 2.0 * (now - _began) + ParleyObserver.STRAGGLER_MS + ParleyQuestions.AGAIN_MS[1]
		if open == 0 or now >= _late_at:
			_finish()

	## Whether an introduction may still go by it. A router with another port for every destination needs one of this moment.
	func is_usable(now: float) -> bool:
		return not done or (is_stable and now - _began < ParleyObserver.USABLE_MS)

	func close() -> void:
		done = true
		_fresh.close_all()

	func _finish() -> void:
		close()
		# The playing socket of an older look may have been another one.
		for look in _observer.looks:
			if look["socket"] == 0:
				look["socket"] = _observer.next_number()
		var found: Array[Dictionary] = []
		var seen := {}
		for one in _asked:
			var question: ParleyQuestions.Question = one["question"]
			if question.is_answered and question.words.size() >= 3:
				if one["socket"] == 0:
					var family := ParleyAddresses.is_v4(one["via"]["address"])
					is_stable = is_stable and seen.get(family, question.words[0]) == question.words[0]
					seen[family] = question.words[0]
				found.append(ParleyConnectionFields.look(one["socket"], one["port"], one["via"], question.at, question.words[1]))
		udp = found.size() > 0
		_observer.looks.append_array(found)
		_observer.looks = _observer.looks.slice(-ParleyObserver.LOOKS_MAX)
		looks = _observer.looks.duplicate(true)
		looks.sort_custom(func(a: Dictionary, b: Dictionary) -> bool: return a["at_ms"] < b["at_ms"])
