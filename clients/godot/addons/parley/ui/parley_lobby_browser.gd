@icon("res://addons/parley/icon.svg")
class_name ParleyLobbyBrowser
extends Control
## A control that a game drops into its menu: the list of lobbies with filters, joining by code, creating, and the lobby itself
## with members, their paths, chat, ready and start. It uses the game's theme, and works with mouse, keyboard and gamepad.
##
## [codeblock]
## $ParleyLobbyBrowser.started.connect(func() -> void: get_tree().change_scene_to_file("res://game.tscn"))
## [/codeblock]

## This machine is in a lobby: `Parley.lobby`, or `Parley.lan.lobby`.
signal entered
## The lobby is over, or was left.
signal left
## The host has started the game; emitted on every machine.
signal started

## Seats that the dialog proposes for a new lobby.
@export_range(2, 4095) var seats := 8
## Entries of the lobby's data that the list shows and filters by, like `map`.
@export var filter_keys: PackedStringArray = []
## Shows lobbies of the local network beside those of the hub.
@export var shows_lan := true
## Guests say that they are ready before the host can start.
@export var needs_ready := true

## The session whose lobbies are shown; the `Parley` autoload where the game sets none.
var session: ParleySession = null
var _was_in := false
var _was_started := false

@onready var _finder: ParleyLobbyFinder = %Finder
@onready var _room: ParleyLobbyRoom = %Room
@onready var _status: Label = %Status


func _ready() -> void:
	if session == null:
		session = get_node_or_null("/root/Parley") as ParleySession
	if session == null:
		_status.text = "There is no Parley autoload. Enable the plugin."
		return
	_finder.begin(session, self)
	_room.begin(session, self)
	session.lobby_changed.connect(func(_lobby: ParleyLobby) -> void: _look())
	session.failed.connect(func(_code: String, sentence: String) -> void: show_status(sentence))
	_look()


func _process(_delta: float) -> void:
	if session != null and (_is_in() != _was_in or session.lan.is_active()):
		_look()


## A line below everything else: what failed, or what is under way.
func show_status(text: String) -> void:
	_status.text = text


## Gives the focus to the first control of what is shown: for gamepads.
func focus() -> void:
	if _is_in():
		_room.focus()
	else:
		_finder.focus()


func _is_in() -> bool:
	return session.lobby != null or session.lan.is_active()


func _look() -> void:
	var is_in := _is_in()
	if is_in != _was_in:
		_was_in = is_in
		_was_started = false
		_finder.visible = not is_in
		_room.visible = is_in
		_finder.watch(not is_in)
		if is_in:
			show_status("")
			entered.emit()
		else:
			left.emit()
		focus()
	if not is_in:
		return
	if session.lobby != null:
		_room.look()
	var state := session.lobby.state if session.lobby != null else session.lan.lobby.state
	if state == "in_game" and not _was_started:
		_was_started = true
		started.emit()
