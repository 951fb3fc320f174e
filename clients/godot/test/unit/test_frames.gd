extends "res://test/unit/unit_test.gd"
## What one frame may take, counted: datagrams, sockets, rows of a list, keys.

const HEAD := {"nominates": true, "same_network": true, "first_hops": null, "give_up_ms": 6_000}


func _plan(sockets: int) -> ParleyPlan:
	return ParleyPlan.read(HEAD.merged({"targets": [{"kind": "reflexive", "address": "127.0.0.1", "port": 9}], "sockets": sockets,
		"spray": null, "per_s": 4_000}))


func _key() -> Dictionary:
	var key := PackedByteArray()
	key.resize(ParleySeal.KEY_BYTES)
	return {"key": key, "epoch": 0, "role": "a"}


## From which port.
func _bulk_to(port: int, count: int) -> int:
	var sender := PacketPeerUDP.new()
	sender.set_dest_address("127.0.0.1", port)
	for number in count:
		var bytes := PackedByteArray([ParleySeal.FIRST_BYTE, number])
		bytes.resize(1_200)
		sender.put_packet(bytes)
	return sender.get_local_port()


func test_a_burst_leaves_in_turns_and_in_order() -> void:
	var link := ParleyEnetLink.new(2, ParleyRemote.new("peer", null), false)
	check(link.begin(), "begins")
	link._enet_port = _bulk_to(link._inner_port, 3)
	var more: Array[bool] = []
	var left: Array[int] = []
	for turn in 4:
		more.append(link.send_some(ParleyFrameBudget.TURN_BYTES, 0.0))
		left.append(link._inner.get_available_packet_count())
	link.close()
	same(left, [2, 1, 0, 0] as Array[int], "datagrams left after each turn")
	same(more, [true, true, true, false] as Array[bool], "whether there may be more")


func test_a_burst_is_taken_in_in_turns_and_in_order() -> void:
	var remote := ParleyRemote.new("peer", null)
	remote.sockets.bind(0)
	_bulk_to(remote.sockets.port_of(0), 5)
	var taken: Array[int] = []
	var more: Array[bool] = []
	for turn in 5:
		more.append(remote.pump_in(ParleyFrameBudget.TURN_BYTES, 0.0))
		taken.append(remote._early.size())
	same(taken, [1, 2, 3, 4, 5] as Array[int], "datagrams after each turn")
	same(more, [true, true, true, true, false] as Array[bool], "whether there may be more")
	same(remote._early.map(func(row: Array) -> int: return row[0][1]), [0, 1, 2, 3, 4], "order")
	remote.close()


func test_the_datagrams_of_play_are_one_turn() -> void:
	var remote := ParleyRemote.new("peer", null)
	var sender := PacketPeerUDP.new()
	for socket in 2:
		remote.sockets.bind(socket)
		sender.set_dest_address("127.0.0.1", remote.sockets.port_of(socket))
		sender.put_packet(PackedByteArray([ParleySeal.FIRST_BYTE, socket]))
	check(not remote.pump_in(ParleyFrameBudget.TURN_BYTES, 0.0), "nothing waits")
	same(remote._early.size(), 2, "datagrams")
	remote.close()


func test_every_player_has_a_turn_also_where_the_time_is_spent() -> void:
	var budget := ParleyFrameBudget.new(0)
	var turns: Array[String] = []
	for frame in 3:
		budget.begin()
		budget.enter(ParleyFrameBudget.SENDING)
		budget.give_turns(["a", "b", "c"], func(one: String) -> bool:
			turns.append(one)
			return true)
		budget.leave()
	same("".join(turns), "bcacababc", "turns of three frames")


func test_bulk_goes_on_in_turns_while_there_is_time() -> void:
	var budget := ParleyFrameBudget.new(1 << 40)
	budget.begin()
	budget.enter(ParleyFrameBudget.RECEIVING)
	var left := {"a": 1, "b": 3, "c": 2}
	var turns: Array[String] = []
	budget.give_turns(["a", "b", "c"], func(one: String) -> bool:
		turns.append(one)
		left[one] -= 1
		return left[one] > 0)
	same("".join(turns), "bcabcb", "turns")


func test_a_part_of_a_frame_uses_what_the_parts_before_have_left() -> void:
	var budget := ParleyFrameBudget.new(40_000)
	budget.begin()
	budget.enter(0.5)
	OS.delay_usec(20_500)
	check(not budget.has_room(), "the first part is over")
	budget.leave()
	budget.enter(0.5)
	check(not budget.has_room(), "nothing is left for a part of the same share")
	budget.leave()
	budget.begin()
	budget.enter(0.5)
	check(budget.has_room(), "another frame has all of it")


func test_the_turns_of_a_late_frame_are_longer() -> void:
	var budget := ParleyFrameBudget.new()
	budget.begin()
	same(budget.turn_bytes, ParleyFrameBudget.TURN_BYTES, "bytes of a turn")
	OS.delay_usec(4 * ParleyFrameBudget.FRAME_USEC)
	budget.begin()
	check(budget.turn_bytes >= 4 * ParleyFrameBudget.TURN_BYTES, "%d bytes of a turn" % budget.turn_bytes)
	check(budget.turn_bytes <= ParleyFrameBudget.TURN_BYTES * ParleyFrameBudget.FRAMES_MAX, "%d bytes of a turn" % budget.turn_bytes)


func test_the_sockets_of_a_punch_are_bound_beside_the_frames() -> void:
	var worker := ParleyWorker.new()
	var remote := ParleyRemote.new("peer", worker)
	remote.begin(_plan(256), _key(), 0.0, 0.0)
	same(remote.sockets.open.size(), 0, "sockets bound in the frame")
	var until := Time.get_ticks_msec() + 20_000
	while not remote.sockets._reserve.is_done and Time.get_ticks_msec() < until:
		OS.delay_msec(1)
		worker.poll()
	same(remote.sockets._reserve.sockets.size(), 255, "sockets in reserve")
	check(remote.sockets.bind(ParleyChannel.FURTHER_SOCKETS + 1), "binds")
	same(remote.sockets._reserve.sockets.size(), 254, "sockets in reserve")
	remote.close()
	worker.close()


func test_a_punch_makes_up_for_a_pause_by_a_bounded_number_of_datagrams() -> void:
	var punch := ParleyPunch.new(_plan(256), 0.0, 0.0)
	punch.wake(1_000.0)
	check(punch.outbox.size() > 0, "sends")
	check(punch.outbox.size() <= 2 * ParleySchedule.CATCH_UP_MAX, "%d datagrams in one frame" % punch.outbox.size())


func test_a_long_list_is_read_over_several_frames() -> void:
	var worker := ParleyWorker.new()
	var watch := ParleyListWatch.new(ParleyHttp.new("http://127.0.0.1:9", "game", worker), {})
	watch.close()
	var rows := []
	for number in 120:
		rows.append({"id": str(number)})
	watch._stream.inbox.append({"type": "snapshot", "data": {"lobbies": rows}})
	watch._stream.inbox.append({"type": "lobby.removed", "data": {"lobby_id": "7"}})
	var changed: Array[bool] = []
	for frame in 4:
		watch.poll(0.0)
		changed.append(watch.take_changed())
	same(changed, [false, false, true, false] as Array[bool], "frames in which the list has changed")
	same(watch.lobbies().size(), 119, "lobbies")
	same(watch.lobbies()[0].id, "0", "the newest")
	worker.close()


func test_a_long_message_of_the_hub_is_read_beside_the_frames_and_keeps_its_place() -> void:
	var worker := ParleyWorker.new()
	var stream := ParleyEventStream.new(ParleyHttp.new("http://127.0.0.1:9", "game", worker), {"topic": "lobbies"})
	stream.close()
	stream._receive(JSON.stringify({"type": "first", "data": {"text": "x".repeat(2 * ParleyEventStream.LONG)}}), 0.0)
	stream._receive(JSON.stringify({"type": "second", "data": {}}), 0.0)
	same(stream.inbox.size(), 0, "messages read in the frame")
	var until := Time.get_ticks_msec() + 20_000
	while stream.inbox.size() < 2 and Time.get_ticks_msec() < until:
		OS.delay_msec(1)
		worker.poll()
		stream.poll(0.0)
	same(stream.inbox.map(func(event: Dictionary) -> String: return event["type"]), ["first", "second"], "messages")
	worker.close()


func test_introductions_of_one_moment_are_handled_one_in_a_frame() -> void:
	same(_keys_after([0.0, 0.0, 0.0, 0.0]), [1, 2, 3, 3] as Array[int], "keys after each frame")


func test_introductions_do_not_wait_in_a_slow_game() -> void:
	same(_keys_after([50.0]), [3] as Array[int], "keys after a late frame")


## Introductions to three members come at once; how many keys there are after frames at these times.
func _keys_after(times: Array[float]) -> Array[int]:
	var worker := ParleyWorker.new()
	var http := ParleyHttp.new("http://127.0.0.1:9", "game", worker)
	var stream := ParleyEventStream.new(http, {"topic": "lobby", "lobby_id": "0-a"})
	stream.close()
	var connector := ParleyConnector.new(http, stream, "0-a", ParleyObserver.new())
	var peers := ["ann", "bob", "cem"]
	for peer: String in peers:
		connector.connect_to(peer, 0.0)
	for peer: String in peers:
		connector.handle("connect.punch", {"connection_id": "0-" + peer, "peer_id": peer, "start_in_ms": 1_000.0,
			"pair_key": {"key": "A".repeat(43), "epoch": 0, "role": "a"},
			"plan": HEAD.merged({"targets": [{"kind": "reflexive", "address": "127.0.0.1", "port": 9}], "sockets": 1, "spray": null,
				"per_s": 1})}, 0.0)
	var keys: Array[int] = []
	for time in times:
		connector.poll(time)
		keys.append(connector.remotes().filter(func(remote: ParleyRemote) -> bool: return remote.channel != null).size())
	connector.close()
	http.close()
	worker.close()
	return keys
