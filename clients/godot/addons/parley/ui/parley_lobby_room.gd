class_name ParleyLobbyRoom
extends VBoxContainer
## The part of [ParleyLobbyBrowser] that shows the lobby one is in: members with their paths, applicants, chat, ready, start.

const CHAT_LINES_MAX := 100
const PATHS_EVERY_S := 1.0
const _PATHS := {"direct": "direct", "relay": "relayed", "tunnel": "tunnelled", "": "connecting"}

var _session: ParleySession
var _browser: ParleyLobbyBrowser
var _paths_at := 0.0
var _lines := 0

@onready var _title: Label = %Title
@onready var _share: LineEdit = %Share
@onready var _copy: Button = %Copy
@onready var _members: Tree = %Members
@onready var _applicants: VBoxContainer = %Applicants
@onready var _chat: RichTextLabel = %Chat
@onready var _say: LineEdit = %Say
@onready var _ready_button: CheckButton = %Ready
@onready var _start: Button = %Start
@onready var _kick: Button = %Kick
@onready var _leave: Button = %Leave


func begin(session: ParleySession, browser: ParleyLobbyBrowser) -> void:
	_session = session
	_browser = browser
	_members.columns = 3
	for at in 3:
		_members.set_column_title(at, tr(["Player", "Ready", "Path"][at]))
		_members.set_column_expand_ratio(at, 2 if at != 1 else 1)
	_members.column_titles_visible = true
	_members.item_selected.connect(func() -> void: _kick.disabled = _chosen() == 0)
	_copy.pressed.connect(func() -> void: DisplayServer.clipboard_set(_share.text))
	_say.text_submitted.connect(_on_say)
	_ready_button.toggled.connect(func(on: bool) -> void: session.set_member_data({"ready": on}))
	_start.pressed.connect(_on_start)
	_leave.pressed.connect(session.leave)
	_kick.pressed.connect(func() -> void: session.kick(_chosen()))
	session.chat_received.connect(func(id: int, text: String) -> void: _print("%s: %s" % [_name_of(id), text]))
	session.player_joined.connect(func(_id: int, player: String) -> void: _print(tr("%s has joined") % _shown_name(player)))
	session.player_left.connect(func(_id: int, _reason: String) -> void: look())
	session.path_changed.connect(func(_id: int, _path: String) -> void: look())
	visibility_changed.connect(func() -> void:
		if not visible:
			_chat.clear()
			_lines = 0
			_ready_button.set_pressed_no_signal(false))


func focus() -> void:
	if is_visible_in_tree():
		(_start if _start.visible else _ready_button if _ready_button.visible else _leave).grab_focus()


## Shows the lobby as it is now.
func look() -> void:
	if not visible:
		return
	var lobby := _session.lobby
	if lobby == null:
		if _session.lan.is_active():
			_look_lan()
		return
	_title.text = "%s (%d/%d)" % [lobby.name, lobby.players.size(), lobby.seats]
	_share.text = lobby.code
	_show_members(lobby)
	_show_applicants(lobby)
	_say.editable = true
	_ready_button.visible = _browser.needs_ready and not lobby.is_host
	_kick.visible = lobby.is_host
	_kick.disabled = _chosen() == 0
	_start.visible = lobby.is_host
	_start.disabled = lobby.state == "in_game" or not _is_ready(lobby)


func _process(delta: float) -> void:
	_paths_at += delta
	if visible and _paths_at > PATHS_EVERY_S:
		_paths_at = 0.0
		look()


# Plain ENet: who is there is all that is known.
func _look_lan() -> void:
	var lan := _session.lan
	_title.text = "%s (%d/%d)" % [lan.lobby.name, multiplayer.get_peers().size() + 1, lan.lobby.seats]
	_share.text = ", ".join(Array(ParleyAddresses.own()).filter(ParleyAddresses.is_v4)) if lan.is_host else lan.lobby.address
	_members.clear()
	var root := _members.create_item()
	var ids := multiplayer.get_peers()
	ids.append(multiplayer.get_unique_id())
	ids.sort()
	for id in ids:
		var row := _members.create_item(root)
		row.set_text(0, tr("Host") if id == 1 else tr("Player %d") % (id % 1000))
		row.set_text(2, tr("you") if id == multiplayer.get_unique_id() else tr("local network"))
	_say.editable = false
	_ready_button.visible = false
	_kick.visible = false
	_start.visible = lan.is_host
	_start.disabled = lan.lobby.state == "in_game"


func _show_members(lobby: ParleyLobby) -> void:
	var chosen := _chosen()
	_members.clear()
	var root := _members.create_item()
	for player in lobby.players:
		var row := _members.create_item(root)
		row.set_text(0, _shown_name(player.name) + (" (%s)" % tr("host") if player.is_host else ""))
		row.set_text(1, tr("yes") if player.is_host or player.data.get("ready", false) else "")
		row.set_text(2, _path_of(player, lobby))
		row.set_tooltip_text(2, str(_session.info(player.id).get("why", "")))
		row.set_metadata(0, player.id)
		if player.id == chosen and not player.is_local:
			row.select(0)


func _path_of(player: ParleyPlayer, lobby: ParleyLobby) -> String:
	if player.is_local:
		return tr("you")
	var info := _session.info(player.id)
	if info.is_empty():
		# Guests of a star reach each other through the host.
		return tr("through the host") if not lobby.is_host and not player.is_host else tr("connecting")
	var text: String = tr(_PATHS.get(info["path"], info["path"]))
	return "%s, %d ms" % [text, roundi(info["rtt_ms"])] if info["path"] != "" and info["rtt_ms"] >= 0.0 else text


func _show_applicants(lobby: ParleyLobby) -> void:
	for child in _applicants.get_children():
		if not lobby.applicants.any(func(one: ParleyPlayer) -> bool: return child.name == one.peer_id):
			child.queue_free()
	for one in lobby.applicants:
		if _applicants.has_node(NodePath(one.peer_id)):
			continue
		var row := HBoxContainer.new()
		row.name = one.peer_id
		var label := Label.new()
		label.text = tr("%s wants to join") % _shown_name(one.name)
		label.size_flags_horizontal = Control.SIZE_EXPAND_FILL
		var admit := Button.new()
		admit.text = tr("Admit")
		admit.pressed.connect(func() -> void: _session.admit(one))
		var refuse := Button.new()
		refuse.text = tr("Refuse")
		refuse.pressed.connect(func() -> void: _session.turn_away(one))
		for child: Control in [label, admit, refuse]:
			row.add_child(child)
		_applicants.add_child(row)


func _is_ready(lobby: ParleyLobby) -> bool:
	return not _browser.needs_ready or lobby.players.all(
		func(one: ParleyPlayer) -> bool: return one.is_host or one.data.get("ready", false) == true)


func _chosen() -> int:
	var row := _members.get_selected()
	var id: int = row.get_metadata(0) if row != null and row.get_metadata(0) is int else 0
	return id if _session.lobby != null and _session.lobby.player(id) != null and not _session.lobby.player(id).is_local else 0


func _on_say(text: String) -> void:
	if text.strip_edges() == "":
		return
	_say.clear()
	await _session.chat(text)


func _on_start() -> void:
	if _session.lan.is_active():
		_session.lan.start()
	else:
		await _session.start()


func _name_of(id: int) -> String:
	var player := _session.lobby.player(id) if _session.lobby != null else null
	return _shown_name(player.name) if player != null else tr("Player")


func _shown_name(player: String) -> String:
	return player.left(24) if player != "" else tr("Player")


func _print(text: String) -> void:
	if not visible:
		return
	# As text: a player's words are no BBCode.
	_chat.add_text(text)
	_chat.newline()
	_lines += 1
	if _lines > CHAT_LINES_MAX:
		_chat.remove_paragraph(0)
		_lines -= 1
