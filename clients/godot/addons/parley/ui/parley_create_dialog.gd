class_name ParleyCreateDialog
extends ConfirmationDialog
## The dialog of [ParleyLobbyBrowser] that asks what a new lobby shall be.

signal wanted(lobby_name: String, seats: int, options: Dictionary, is_lan: bool)

@onready var _name: LineEdit = %LobbyName
@onready var _seats: SpinBox = %Seats
@onready var _visibility: OptionButton = %Visibility
@onready var _password: LineEdit = %NewPassword
@onready var _approval: CheckBox = %Approval

const _VISIBILITIES := ["public", "unlisted", "lan"]


func _ready() -> void:
	for text: String in ["Everybody sees it", "Only with the code", "This network, without internet"]:
		_visibility.add_item(tr(text))
	_visibility.item_selected.connect(func(_at: int) -> void: _look())
	confirmed.connect(_on_confirmed)
	register_text_enter(_name)
	register_text_enter(_password)


func ask(seats: int, player: String) -> void:
	if _name.text == "":
		_name.text = tr("%s's game") % player if player != "" else tr("New game")
	_seats.value = seats
	_look()
	popup_centered()
	_name.grab_focus()
	_name.select_all()


func _look() -> void:
	var is_lan: bool = _VISIBILITIES[_visibility.selected] == "lan"
	_password.editable = not is_lan
	_approval.disabled = is_lan


func _on_confirmed() -> void:
	var kind: String = _VISIBILITIES[_visibility.selected]
	var options := {}
	if kind != "lan":
		options["visibility"] = kind
		if _password.text != "":
			options["password"] = _password.text
		if _approval.button_pressed:
			options["approval"] = true
	var lobby_name := _name.text.strip_edges()
	wanted.emit(lobby_name if lobby_name != "" else tr("New game"), int(_seats.value), options, kind == "lan")
