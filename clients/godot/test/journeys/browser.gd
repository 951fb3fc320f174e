extends "res://test/journeys/actor.gd"
## An actor with the `ParleyLobbyBrowser` scene, played by keys and by a gamepad:
## `{"press": node, "by": "key" | "pad"}`, `{"type": node, "text"}`, `{"choose": row of a list, "of": node}`, `{"confirm": dialog}`,
## `{"pick": option, "of": node}`, `{"check": node}`, `{"admit": true}`, `{"move": action}`, `{"show": true}`, `{"shot": file}`.

var browser := preload("res://addons/parley/ui/parley_lobby_browser.tscn").instantiate() as ParleyLobbyBrowser


func _ready() -> void:
	super()
	parley.keep_identity = false
	browser.filter_keys = PackedStringArray(["map"])
	browser.entered.connect(func() -> void: emit({"entered": true}))
	browser.left.connect(func() -> void: emit({"left": true}))
	browser.started.connect(func() -> void: emit({"started": true}))


func _do(command: Dictionary) -> void:
	if command.has("begin"):
		add_child(browser)
		browser.focus()
	elif command.has("press"):
		var button: Button = _node(command["press"])
		button.grab_focus()
		_press(command.get("by", "key"))
		emit({"pressed": command["press"], "disabled": button.disabled})
	elif command.has("type"):
		var edit: LineEdit = _node(command["type"])
		edit.text = command["text"]
		edit.text_changed.emit(edit.text)
		if command.get("enter", false):
			edit.text_submitted.emit(edit.text)
	elif command.has("choose"):
		var list: Tree = _node(command["of"])
		for row in list.get_root().get_children():
			if row.get_text(0).begins_with(command["choose"]):
				row.select(0)
				emit({"chosen": row.get_text(0)})
	elif command.has("check"):
		(_node(command["check"]) as CheckBox).button_pressed = true
	elif command.has("admit"):
		# The row of an applicant: a label and two buttons.
		var row := _node("Applicants").get_child(0)
		emit({"applicant": (row.get_child(0) as Label).text})
		(row.get_child(1) as Button).pressed.emit()
	elif command.has("pick"):
		var options: OptionButton = _node(command["of"])
		options.select(int(command["pick"]))
		options.item_selected.emit(int(command["pick"]))
	elif command.has("confirm"):
		var dialog: AcceptDialog = _node(command["confirm"])
		emit({"open": dialog.visible})
		dialog.get_ok_button().pressed.emit()
	elif command.has("move"):
		_act(command["move"])
		var owner_now := get_viewport().gui_get_focus_owner()
		emit({"focus": str(owner_now.name) if owner_now != null else ""})
	elif command.has("show"):
		_show()
	elif command.has("shot"):
		await RenderingServer.frame_post_draw
		get_viewport().get_texture().get_image().save_png(command["shot"])
		emit({"shot": command["shot"]})
	else:
		super(command)


func _node(unique: String) -> Node:
	return browser.get_node("%" + unique)


func _press(by: String) -> void:
	for pressed: bool in [true, false]:
		if by == "pad":
			var event := InputEventJoypadButton.new()
			event.button_index = JOY_BUTTON_A
			event.pressed = pressed
			get_viewport().push_input(event)
		else:
			var event := InputEventKey.new()
			event.keycode = KEY_ENTER
			event.pressed = pressed
			get_viewport().push_input(event)


func _act(action: String) -> void:
	for pressed: bool in [true, false]:
		var event := InputEventAction.new()
		event.action = action
		event.pressed = pressed
		get_viewport().push_input(event)


func _show() -> void:
	var open := []
	for dialog: String in ["CreateDialog", "PasswordDialog"]:
		if (_node(dialog) as Window).visible:
			open.append(dialog)
	emit({"shown": {
		"finder": _node("Finder").visible, "room": _node("Room").visible, "list": _rows("List"), "members": _rows("Members"),
		"status": _node("Status").text, "title": _node("Title").text, "share": _node("Share").text, "open": open,
		"chat": (_node("Chat") as RichTextLabel).get_parsed_text(), "start": [_node("Start").visible, not _node("Start").disabled],
		"applicants": _node("Applicants").get_child_count(),
	}})


func _rows(list: String) -> Array:
	var root := (_node(list) as Tree).get_root()
	if root == null:
		return []
	return root.get_children().map(func(row: TreeItem) -> Array: return [row.get_text(0), row.get_text(1), row.get_text(2)])
