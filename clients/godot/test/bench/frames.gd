extends Node
## How long the addon holds a frame, by what it does: eight sessions in one process host, join, play and read a long list, and
## two ends carry out the largest punches that the hub asks for. Prints microseconds of each phase: the median, 99 % and
## the longest of its frames, and how many took more than 4 ms.
##
## Each call into the addon is measured for itself, less the time for which the thread waited for a processor, because
## other programs must not count. User arguments: the hub's address over TLS and the file of the certificate that signs it.

const FRAME_MS := 16.0
const GUESTS := 7
const BURST_BYTES := 200_000
const MESSAGE_BYTES := 512 * 1024
const PUNCH_MS := 7_000.0

var _phases := {}
var _sessions: Array[ParleySession] = []
var _messages: Array[ParleyMessages] = []
var _heard := 0
var _budget := ParleyFrameBudget.new()


func _ready() -> void:
	Engine.max_fps = 60
	get_tree().multiplayer_poll = false
	var words := OS.get_cmdline_user_args()
	await _open_sessions(words[0], words[1])
	# At once: the hosts of the list are not there for long.
	await _read_list()
	await _play()
	for session in _sessions:
		session.get_parent().queue_free()
	for sockets: bool in [true, false]:
		await _punch("birthday, 256 sockets" if sockets else "birthday, 1,536 ports", _plan(sockets, 200))
		await _punch("sockets at 4,000 a second" if sockets else "ports at 4,000 a second", _plan(sockets, 4_000))
	for phase: String in _phases:
		var costs: Array = _phases[phase]
		costs.sort()
		print(JSON.stringify({"phase": phase, "frames": costs.size(), "p50": costs[costs.size() / 2],
			"p99": costs[costs.size() * 99 / 100], "most": costs[-1],
			"over_4_ms": costs.filter(func(usec: int) -> bool: return usec > 4_000).size()}))
	print(JSON.stringify({"done": true}))
	get_tree().quit()


func _open_sessions(url: String, certificate: String) -> void:
	var trusted := X509Certificate.new()
	trusted.load(certificate)
	for at in GUESTS + 1:
		var branch := Node.new()
		branch.name = "Player%d" % at
		add_child(branch)
		get_tree().set_multiplayer(SceneMultiplayer.new(), branch.get_path())
		var session := ParleySession.new()
		session.url = url
		session.keep_identity = false
		branch.add_child(session)
		session.set_process(false)
		session.multiplayer.multiplayer_peer = null
		(session.multiplayer as SceneMultiplayer).peer_packet.connect(func(_id: int, bytes: PackedByteArray) -> void: _heard += bytes.size())
		_measure("the call of list", func() -> void: session._desk.http())
		session._desk.http().connections.tls = TLSOptions.client(trusted)
		_sessions.append(session)


func _play() -> void:
	var host := _sessions[0]
	await _until_done("host", host, func() -> Error: return await host.host("Frames", GUESTS + 1))
	for at in range(1, GUESTS + 1):
		var guest := _sessions[at]
		await _until_done("join", guest, func() -> Error: return await guest.join(host.lobby.code))
	await _frames("idle in the lobby", 120)
	for frame in 300:
		for session in _sessions:
			if session != host:
				_send(session, 1, 100, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
		_send(host, 0, 100, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
		await _frame("100 bytes each way")
	_heard = 0
	_send(host, 0, BURST_BYTES, MultiplayerPeer.TRANSFER_MODE_RELIABLE)
	while _heard < GUESTS * BURST_BYTES:
		await _frame("a burst to seven")
	_heard = 0
	for session in _sessions:
		if session != host:
			_send(session, 1, BURST_BYTES, MultiplayerPeer.TRANSFER_MODE_RELIABLE)
	while _heard < GUESTS * BURST_BYTES:
		await _frame("a burst from seven")
	await _exchange_messages()
	for session in _sessions:
		_measure("the call of leave", session.leave)
	await _frames("after the call of leave", 60)


## A message of 512 KiB from the host to each guest.
func _exchange_messages() -> void:
	for session in _sessions:
		var one := ParleyMessages.new(session)
		session.get_parent().add_child(one)
		one.set_process(false)
		one.network_messages_session_request.connect(one.accept_session_with_user)
		_messages.append(one)
	# What cannot be compressed takes the most datagrams.
	var payload := Crypto.new().generate_random_bytes(MESSAGE_BYTES)
	for player in _sessions[0].lobby.players:
		if not player.is_local:
			_measure("the call of send_message_to_user", func() -> void: _messages[0].send_message_to_user(
				player.id, payload, ParleyMessages.NETWORKING_SEND_RELIABLE, 0))
	_heard = 0
	while _heard < GUESTS * MESSAGE_BYTES:
		await _frame("messages of 512 KiB")
		for one in _messages:
			_measure("receive_messages_on_channel", func() -> void:
				for message in one.receive_messages_on_channel(0, 10):
					_heard += message["size"])
	for one in _messages:
		one.queue_free()
	_messages.clear()


func _read_list() -> void:
	var reader := _sessions[0]
	reader.list_changed.connect(func(lobbies: Array[ParleyListing]) -> void: _heard = lobbies.size())
	await _until_done("list", reader, func() -> Error: return OK if (await reader.list()).size() > 0 else FAILED)
	_heard = 0
	_measure("the call of watch_list", reader.watch_list)
	while _heard == 0:
		await _frame("a list of 500")
	reader.unwatch_list()


func _send(session: ParleySession, to: int, bytes: int, mode: MultiplayerPeer.TransferMode) -> void:
	var packet := PackedByteArray()
	packet.resize(bytes)
	_measure("a call that sends", func() -> void: (session.multiplayer as SceneMultiplayer).send_bytes(packet, to, mode))


## One end with this plan, against an end that answers nothing, and then against one that answers after two seconds.
func _punch(phase: String, plan: ParleyPlan) -> void:
	var worker := ParleyWorker.new()
	for answers: bool in [false, true]:
		var crypto := Crypto.new()
		var key := {"key": crypto.generate_random_bytes(32), "epoch": 0, "role": "a"}
		var near := ParleyRemote.new("near", worker)
		var far := ParleyRemote.new("far", worker)
		near.sockets.bind(0)
		far.sockets.bind(0)
		plan.targets[0]["port"] = far.sockets.port_of(0) if answers else 9
		var now := Time.get_ticks_usec() / 1000.0
		_measure(phase + ": begin", near.begin.bind(plan, key, 0.0, now))
		var began := now
		var has_begun := false
		while now < began + PUNCH_MS:
			if answers and not has_begun and now > began + 2_000.0:
				has_begun = true
				far.begin(_plan(false, 1), key.merged({"role": "b"}, true), 0.0, now)
			_measure(phase, func() -> void:
				worker.poll()
				_pump(near, now))
			_pump(far, now)
			await get_tree().process_frame
			now = Time.get_ticks_usec() / 1000.0
		_measure(phase + ": close", near.close)
		far.close()
	worker.close()


func _pump(remote: ParleyRemote, now: float) -> void:
	_budget.begin()
	_budget.enter(ParleyFrameBudget.RECEIVING)
	_budget.give_turns([remote], func(one: ParleyRemote) -> bool: return one.pump_in(_budget.turn_bytes, now))
	remote.pump_out(now)


func _plan(many_sockets: bool, per_s: int) -> ParleyPlan:
	return ParleyPlan.read({
		"targets": [{"kind": "reflexive", "address": "127.0.0.1", "port": 9}], "sockets": 256 if many_sockets else 1,
		"spray": null if many_sockets else {"address": "127.0.0.1", "first_port": 20_000, "step": 1, "ports": 10_000,
			"order": "shuffled", "probes": 1_536, "after_ms": 0},
		"per_s": per_s, "nominates": true, "same_network": true, "first_hops": null, "give_up_ms": 6_000})


func _until_done(phase: String, session: ParleySession, request: Callable) -> void:
	var ends := []
	_measure("the call of " + phase, func() -> void: _await(request, ends))
	while ends.is_empty():
		await _frame(phase + ", ", session)
	if ends[0] != OK:
		print(JSON.stringify({"failed": phase, "why": session.why}))
		get_tree().quit(1)


func _await(request: Callable, ends: Array) -> void:
	ends.append(await request.call())


func _frames(phase: String, count: int) -> void:
	for frame in count:
		await _frame(phase)


## One frame of all sessions. `entering`: its frames are named by how far it has come.
func _frame(phase: String, entering: ParleySession = null) -> void:
	await get_tree().process_frame
	for session in _sessions:
		var before := _stage(session)
		var at := _sessions.find(session)
		var took := _time(func() -> void:
			session.multiplayer.poll()
			if not _messages.is_empty():
				_messages[at]._process(FRAME_MS / 1000.0)
			session._process(FRAME_MS / 1000.0))
		if session == entering:
			var after := _stage(session)
			_note(phase + (after if before == after else "%s to %s" % [before, after]), took)
		elif entering == null:
			_note(phase + (", host" if session == _sessions[0] else ""), took)
		else:
			_note("others join" if session == _sessions[0] else "others wait", took)


func _stage(session: ParleySession) -> String:
	if session._room == null:
		return "HTTP"
	if session.lobby.is_host:
		return "event stream"
	var remote := session._room.host_remote()
	if remote == null:
		return "event stream"
	if remote.channel == null:
		return "observation"
	return "first path" if remote.path == "" else "ENet"


func _measure(phase: String, call_in: Callable) -> void:
	_note(phase, _time(call_in))


func _note(phase: String, usec: int) -> void:
	if not _phases.has(phase):
		_phases[phase] = []
	_phases[phase].append(usec)


## Microseconds, less those in which this thread could have run and did not.
func _time(call_in: Callable) -> int:
	var waited := _waited()
	var began := Time.get_ticks_usec()
	call_in.call()
	var took := Time.get_ticks_usec() - began
	return maxi(0, took - (_waited() - waited))


func _waited() -> int:
	var file := FileAccess.open("/proc/thread-self/schedstat", FileAccess.READ)
	return file.get_line().get_slice(" ", 1).to_int() / 1000 if file != null else 0
