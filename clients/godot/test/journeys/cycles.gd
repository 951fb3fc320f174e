extends Node
## Two sessions in one process host, join and leave again and again: what each cycle leaves behind is printed.
##
## User arguments: the hub's address, and how many cycles.


func _ready() -> void:
	Engine.max_fps = 120
	var words := OS.get_cmdline_user_args()
	var sessions: Array[ParleySession] = []
	for name: String in ["Ann", "Bob"]:
		var branch := Node.new()
		branch.name = name
		get_tree().root.add_child.call_deferred(branch)
		await get_tree().process_frame
		get_tree().set_multiplayer(SceneMultiplayer.new(), branch.get_path())
		var session := ParleySession.new()
		session.url = words[0]
		session.keep_identity = false
		branch.add_child(session)
		sessions.append(session)
	var failures := 0
	for cycle in int(words[1]):
		if await sessions[0].host("Cycle", 4) != OK:
			failures += 1
			print(JSON.stringify({"failed": sessions[0].why, "cycle": cycle}))
		elif await sessions[1].join(sessions[0].lobby.code) != OK:
			failures += 1
			print(JSON.stringify({"failed": sessions[1].why, "cycle": cycle}))
		sessions[1].leave()
		sessions[0].leave()
		await get_tree().process_frame
		if cycle % 10 == 9:
			await get_tree().create_timer(0.2).timeout
			print(JSON.stringify({"cycle": cycle + 1, "objects": Performance.get_monitor(Performance.OBJECT_COUNT),
				"orphans": Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT),
				"sockets": _open_sockets(), "memory": Performance.get_monitor(Performance.MEMORY_STATIC)}))
	print(JSON.stringify({"done": failures}))
	for session in sessions:
		session.get_parent().queue_free()
	await get_tree().process_frame
	get_tree().quit()


func _open_sockets() -> int:
	var count := 0
	var folder := DirAccess.open("/proc/self/fd")
	if folder == null:
		return -1
	folder.include_hidden = true
	return folder.get_files().size() + folder.get_directories().size()
