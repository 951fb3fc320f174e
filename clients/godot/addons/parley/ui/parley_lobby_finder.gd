class_name ParleyLobbyFinder
extends VBoxContainer
## The part of [ParleyLobbyBrowser] that finds lobbies: list, filters, join by code, and the dialogs.

const _COLUMNS := ["Name", "Players", "Game", "Where"]

var _session: ParleySession
var _browser: ParleyLobbyBrowser
var _internet: Array[ParleyListing] = []
var _is_busy := false
var _shown: Array[ParleyListing] = []

@onready var _name: LineEdit = %PlayerName
@onready var _code: LineEdit = %Code
@onready var _search: LineEdit = %Search
@onready var _with_room: CheckBox = %WithRoom
@onready var _filters: HBoxContainer = %Filters
@onready var _list: Tree = %List
@onready var _join: Button = %Join
@onready var _join_code: Button = %JoinCode
@onready var _create: Button = %Create
@onready var _dialog: ParleyCreateDialog = %CreateDialog
@onready var _ask: ConfirmationDialog = %PasswordDialog
@onready var _password: LineEdit = %Password


func begin(session: ParleySession, browser: ParleyLobbyBrowser) -> void:
	_session = session
	_browser = browser
	_name.text = session.player_name
	_name.text_changed.connect(func(text: String) -> void: session.player_name = text)
	_list.columns = _COLUMNS.size()
	_list.column_titles_visible = true
	for at in _COLUMNS.size():
		_list.set_column_title(at, tr(_COLUMNS[at]))
		_list.set_column_expand_ratio(at, 3 if at == 0 else 1)
	for key in browser.filter_keys:
		var edit := LineEdit.new()
		edit.name = key
		edit.placeholder_text = key
		edit.custom_minimum_size.x = 120
		edit.text_changed.connect(func(_text: String) -> void: show_list())
		_filters.add_child(edit)
	_search.text_changed.connect(func(_text: String) -> void: show_list())
	_with_room.toggled.connect(func(_on: bool) -> void: show_list())
	_list.item_activated.connect(_on_join)
	_list.item_selected.connect(func() -> void: _join.disabled = false)
	_join.pressed.connect(_on_join)
	_join_code.pressed.connect(_on_join_code)
	_code.text_submitted.connect(func(_text: String) -> void: _on_join_code())
	_create.pressed.connect(func() -> void: _dialog.ask(browser.seats, _session.player_name))
	_dialog.wanted.connect(_on_create)
	_ask.confirmed.connect(func() -> void: _enter_code(_ask.get_meta("code"), _password.text))
	session.list_changed.connect(func(lobbies: Array[ParleyListing]) -> void:
		_internet = lobbies
		show_list())
	session.lan.list_changed.connect(func(_lobbies: Array[ParleyLanListing]) -> void: show_list())
	watch(true)


func focus() -> void:
	if is_visible_in_tree():
		(_list if not _shown.is_empty() else _code).grab_focus()


## Follows the lists, or stops.
func watch(on: bool) -> void:
	if not on:
		_session.unwatch_list()
		_session.lan.unwatch()
		return
	_session.watch_list()
	if _browser.shows_lan:
		_session.lan.watch()
	show_list()


## Fills the list by the filters.
func show_list() -> void:
	var chosen := _chosen()
	_shown.clear()
	_shown.assign(_session.lan.lobbies)
	_shown.append_array(_internet)
	_shown = _shown.filter(_is_wanted)
	_list.clear()
	var root := _list.create_item()
	for one in _shown:
		var row := _list.create_item(root)
		row.set_text(0, one.name)
		row.set_text(1, "%d/%d" % [one.member_count, one.seats] if one.seats > 0 else str(one.member_count))
		row.set_text(2, ", ".join(Array(_browser.filter_keys).map(func(key: String) -> String: return str(one.data.get(key, "")))))
		row.set_text(3, _where(one))
		row.set_metadata(0, one)
		if chosen != null and chosen.id == one.id:
			row.select(0)
	_join.disabled = _chosen() == null


func _where(one: ParleyListing) -> String:
	var words := PackedStringArray([tr("This network") if one.source == "lan" else tr("Internet")])
	if one.has_password:
		words.append(tr("password"))
	if one.state == "in_game":
		words.append(tr("in game"))
	elif one.approval:
		words.append(tr("on request"))
	return ", ".join(words)


func _is_wanted(one: ParleyListing) -> bool:
	if _search.text != "" and not one.name.containsn(_search.text):
		return false
	if _with_room.button_pressed and (not one.joinable or (one.seats > 0 and one.member_count >= one.seats)):
		return false
	for key in _browser.filter_keys:
		var edit := _filters.get_node_or_null(NodePath(key)) as LineEdit
		if edit != null and edit.text != "" and not str(one.data.get(key, "")).containsn(edit.text):
			return false
	return true


func _chosen() -> ParleyListing:
	var row := _list.get_selected()
	return row.get_metadata(0) as ParleyListing if row != null else null


func _on_join() -> void:
	var one := _chosen()
	if one == null:
		return
	if one is ParleyLanListing:
		_do(func() -> Error: return await _session.lan.join(one))
	elif one.has_password:
		_ask_password(one.id)
	else:
		_enter_code(one.id, "")


func _on_join_code() -> void:
	if _code.text.strip_edges() != "":
		_enter_code(_code.text, "")


func _enter_code(code: String, password: String) -> void:
	await _do(func() -> Error: return await _session.join(code, password))
	if _session.code == "password_mismatch":
		_ask_password(code)


func _ask_password(code: String) -> void:
	_ask.set_meta("code", code)
	_password.text = ""
	_ask.popup_centered()
	_password.grab_focus()


func _on_create(lobby_name: String, seats: int, options: Dictionary, is_lan: bool) -> void:
	if is_lan:
		_do(func() -> Error: return await _session.lan.host(lobby_name, seats, {"data": options.get("data", {})}))
	else:
		_do(func() -> Error: return await _session.host(lobby_name, seats, options))


# One request at a time.
func _do(request: Callable) -> void:
	if _is_busy:
		return
	_is_busy = true
	for button: Button in [_join, _join_code, _create]:
		button.disabled = true
	_browser.show_status(tr("One moment ..."))
	var error: Error = await request.call()
	_is_busy = false
	_join_code.disabled = false
	_create.disabled = false
	_join.disabled = _chosen() == null
	_browser.show_status("" if error == OK else _session.why)
