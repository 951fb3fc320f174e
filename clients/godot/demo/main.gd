extends Node
## The demo: two to eight ships on one screen, for mouse, keyboard and gamepad. The lobby browser leads into the arena and back.
##
## Bots play it without a screen: `godot --headless --path clients/godot -- --bot` hosts and prints the code,
## `godot --headless --path clients/godot -- --bot +join CODE` joins. `--url URL` is another hub, `--seconds N` ends the bot.

@onready var _arena: Arena = $Arena
@onready var _browser: ParleyLobbyBrowser = $Interface/ParleyLobbyBrowser


func _ready() -> void:
	Parley.snapshot = _arena.snapshot
	Parley.host_changed.connect(_arena.host_changed)
	_browser.started.connect(_on_started)
	_browser.left.connect(_on_left)
	var words := OS.get_cmdline_user_args()
	if words.has("--bot"):
		_play_as_bot(words)
	elif Parley.invitation() != "":
		await Parley.join(Parley.invitation())
	else:
		_browser.focus()


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed("ui_cancel") and _arena.is_playing:
		Parley.leave()


func _on_started() -> void:
	_browser.visible = false
	_arena.begin()


func _on_left() -> void:
	_arena.end()
	_browser.visible = true


func _play_as_bot(words: PackedStringArray) -> void:
	# A bot has no ready button to press.
	_browser.needs_ready = false
	Engine.max_fps = 60
	_arena.add_child(preload("res://demo/bot.gd").new())
	Parley.keep_identity = false
	Parley.player_name = "Bot %d" % (OS.get_process_id() % 1000)
	if words.has("--url"):
		Parley.url = words[words.find("--url") + 1]
	var code := Parley.invitation()
	var error := OK
	if code != "":
		error = await Parley.join(code)
	else:
		error = await Parley.host("Bots", 8)
	if error != OK:
		print(JSON.stringify({"failed": Parley.why}))
		get_tree().quit(1)
		return
	print(JSON.stringify({"code": Parley.lobby.code}))
	if words.has("--seconds"):
		get_tree().create_timer(float(words[words.find("--seconds") + 1])).timeout.connect(get_tree().quit)
	if multiplayer.is_server():
		await multiplayer.peer_connected
		await Parley.start()
