extends "res://test/unit/unit_test.gd"
## The messages without sockets: two ends, a path that loses, doubles and reorders, and a clock that the test moves.

const Packets := preload("res://addons/parley/messages/packets.gd")
const A := "ann"
const B := "bob"
const STEP_MS := 16.0


class Path extends RefCounted:
	var ann := ParleyMessenger.new()
	var bob := ParleyMessenger.new()
	var now := 0.0
	var loss := 0.0
	var dice := RandomNumberGenerator.new()
	var sent := 0
	## Datagrams of a frame beside the first one of each peer.
	var further := 1 << 30
	var _flying: Array[Array] = []

	func _init(lost: float) -> void:
		loss = lost
		dice.seed = 7
		ann.opened(B, -1.0, 0.0)
		bob.opened(A, -1.0, 0.0)

	func step() -> void:
		now += STEP_MS
		for row in _flying.filter(func(one: Array) -> bool: return one[0] <= now):
			_flying.erase(row)
			if row[1] == A:
				bob.hear(A, row[2], now)
			else:
				ann.hear(B, row[2], now)
		for end: ParleyMessenger in [ann, bob]:
			end.wake(now)
			var left := further
			while left > 0 and end.go_on(now):
				left -= 1
			for row in end.outbox:
				sent += 1
				for copy in (2 if dice.randf() < loss / 4.0 else 1):
					if dice.randf() >= loss:
						_flying.append([now + 20.0 + dice.randf() * 200.0 * loss, A if end == ann else B, row[1]])
			end.outbox.clear()

	func run(ms: float) -> void:
		var until := now + ms
		while now < until:
			step()


func _accepted(loss := 0.0) -> Path:
	var path := Path.new(loss)
	path.ann.send(B, PackedByteArray([1]), ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now)
	path.run(500.0)
	path.bob.accept(A, path.now)
	path.run(1_500.0)
	path.bob.receive(0, 10)
	return path


func test_a_request_is_told_and_nothing_arrives_before_the_game_accepts() -> void:
	var path := Path.new(0.0)
	same(path.ann.send(B, "hello".to_utf8_buffer(), ParleyMessages.NETWORKING_SEND_RELIABLE, 0, 0.0), ParleyMessages.RESULT_OK)
	path.run(1_000.0)
	same(path.bob.events, [["request", A, 0, ParleyMessages.CONNECTION_STATE_FINDING_ROUTE, ""]] as Array[Array])
	same(path.bob.receive(0, 10).size(), 0)
	check(path.bob.accept(A, path.now), "accepts")
	path.run(500.0)
	var came := path.bob.receive(0, 10)
	same(came.size(), 1, "messages")
	same(came[0]["payload"].get_string_from_utf8(), "hello")
	same(path.ann.session(B).state, ParleyMessages.CONNECTION_STATE_CONNECTED)


func test_reliable_messages_arrive_once_and_in_order_over_a_bad_path() -> void:
	var path := _accepted(0.2)
	var dice := RandomNumberGenerator.new()
	dice.seed = 3
	var wanted: Array[PackedByteArray] = []
	for number in 200:
		var bytes := PackedByteArray()
		bytes.resize(dice.randi_range(0, 3_000))
		bytes.fill(number)
		wanted.append(bytes)
		same(path.ann.send(B, bytes, ParleyMessages.NETWORKING_SEND_RELIABLE, 3, path.now), ParleyMessages.RESULT_OK)
	var came: Array[PackedByteArray] = []
	while came.size() < wanted.size() and path.now < 120_000.0:
		path.step()
		for message in path.bob.receive(3, 100):
			came.append(message["payload"])
	same(came, wanted, "what came")
	path.run(3_000.0)
	same(path.ann.session(B).transport.pending, 0, "pending")


func test_the_longest_message_arrives_and_a_longer_one_is_refused() -> void:
	var path := _accepted()
	var noise := Crypto.new().generate_random_bytes(ParleyMessageLimits.MESSAGE_BYTES_MAX)
	same(path.ann.send(B, noise, ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now), ParleyMessages.RESULT_OK)
	noise.append(0)
	same(path.ann.send(B, noise, ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now), ParleyMessages.RESULT_INVALID_PARAM)
	noise.resize(noise.size() - 1)
	# The first one waits for its confirmation, and the buffer has no room for another one.
	same(path.ann.send(B, noise, ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now), ParleyMessages.RESULT_LIMIT_EXCEEDED)
	path.run(10_000.0)
	same(path.bob.receive(0, 10)[0]["payload"], noise)
	same(path.ann.send(B, noise, ParleyMessages.NETWORKING_SEND_UNRELIABLE, 1, path.now), ParleyMessages.RESULT_OK)
	path.run(10_000.0)
	var other := path.bob.receive(1, 10)
	same(other.size(), 1, "unreliable messages")
	same(other[0]["payload"], noise)


func test_messages_arrive_also_where_the_time_of_each_frame_is_spent() -> void:
	var path := _accepted()
	path.further = 0
	var bytes := Crypto.new().generate_random_bytes(20_000)
	path.ann.send(B, bytes, ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now)
	path.run(2_000.0)
	same(path.bob.receive(0, 1)[0]["payload"], bytes)


func test_messages_are_deflated_where_that_makes_them_shorter() -> void:
	var path := _accepted()
	var text := "a game state that repeats itself ".repeat(1_500).to_utf8_buffer()
	path.sent = 0
	path.ann.send(B, text, ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now)
	path.run(500.0)
	same(path.bob.receive(0, 1)[0]["payload"], text)
	check(path.sent < 20, "%d datagrams" % path.sent)
	same(ParleyMessageDeflate.deflated(text + text), PackedByteArray(), "what would hold a frame")
	var raw := ParleyMessageDeflate.deflated(text)
	same(ParleyMessageDeflate.inflated(raw), [text] as Array[PackedByteArray])
	same(ParleyMessageDeflate.inflated(PackedByteArray([255, 255, 255])), [] as Array[PackedByteArray])
	var bomb := PackedByteArray()
	bomb.resize(8 << 20)
	bomb.fill(0)
	same(ParleyMessageDeflate.inflated(ParleyMessageDeflate._raw(bomb)), [] as Array[PackedByteArray], "a bomb")


func test_a_closed_session_is_closed_for_both_and_begins_again_when_wanted() -> void:
	var path := _accepted()
	check(path.bob.close_session(A), "closes")
	path.run(500.0)
	same(path.ann.session(B).state, ParleyMessages.CONNECTION_STATE_CLOSED_BY_PEER)
	same(path.ann.send(B, PackedByteArray([2]), ParleyMessages.NETWORKING_SEND_RELIABLE, 0, path.now), ParleyMessages.RESULT_NO_CONNECTION)
	var flags := ParleyMessages.NETWORKING_SEND_RELIABLE | ParleyMessages.NETWORKING_SEND_AUTORESTART_BROKEN_SESSION
	same(path.ann.send(B, PackedByteArray([2]), flags, 0, path.now), ParleyMessages.RESULT_OK)
	path.bob.events.clear()
	path.run(500.0)
	same(path.bob.events.size(), 1, "requests")
	path.bob.accept(A, path.now)
	path.run(500.0)
	same(path.bob.receive(0, 1)[0]["payload"], PackedByteArray([2]))


func test_a_refused_player_and_one_that_falls_silent_are_failures() -> void:
	var path := Path.new(0.0)
	path.ann.send(B, PackedByteArray([1]), ParleyMessages.NETWORKING_SEND_RELIABLE, 0, 0.0)
	path.run(300.0)
	path.bob.close_session(A)
	path.run(300.0)
	same(path.ann.events[-1].slice(0, 3), ["failed", B, ParleyMessages.CONNECTION_END_REMOTE_DENIED])
	var silent := _accepted()
	silent.loss = 1.0
	silent.ann.events.clear()
	silent.ann.send(B, PackedByteArray([1]), ParleyMessages.NETWORKING_SEND_RELIABLE, 0, silent.now)
	silent.run(12_000.0)
	same(silent.ann.events[-1].slice(0, 3), ["failed", B, ParleyMessages.CONNECTION_END_MISC_TIMEOUT])


func test_what_a_peer_makes_up_is_bounded() -> void:
	var path := _accepted()
	var dice := RandomNumberGenerator.new()
	dice.seed = 11
	var to := path.bob.session(A).id
	for number in 3_000:
		var bytes := Packets.head([1, 2, 2, 2, 3][dice.randi() % 5], to if dice.randf() < 0.9 else dice.randi())
		for byte in dice.randi_range(0, 60):
			bytes.append([0, 1, 2, 3, 4, 5, 255, dice.randi() & 0xFF][dice.randi() % 8])
		path.bob.hear(A, bytes, path.now)
		if number % 50 == 0:
			path.step()
	check(path.bob.peers().size() <= 2, "sessions")
	# Another peer is not disturbed.
	path.bob.opened("cid", -1.0, path.now)
	path.bob.hear("cid", Packets.hello(0, 77, 1), path.now)
	path.run(50.0)
	check(path.bob.events.any(func(event: Array) -> bool: return event[0] == "request" and event[1] == "cid"), "a request")


func test_ranges_join_and_part() -> void:
	var ranges := ParleyRanges.new()
	var model := {}
	var dice := RandomNumberGenerator.new()
	dice.seed = 5
	for number in 2_000:
		var low := dice.randi_range(0, 60)
		var high := low + dice.randi_range(0, 9)
		var adds := dice.randf() < 0.5
		if adds:
			ranges.add(low, high)
		else:
			ranges.subtract(low, high)
		for one in range(low, high):
			if adds:
				model[one] = true
			else:
				model.erase(one)
		var is_same := ranges.count() == model.size()
		for one in 70:
			is_same = is_same and ranges.has(one) == model.has(one)
		for at in range(1, ranges.size()):
			is_same = is_same and ranges.from[at] > ranges.to[at - 1]
		if not is_same:
			check(false, "after %d steps" % number)
			return
	check(true, "")
