class_name ParleyGamepadButtons
extends Node
## Below a control or a window: there a gamepad's A button presses what has the focus, and B closes a dialog. Godot's own actions
## `ui_accept` and `ui_cancel` have no gamepad button, and the game may need these buttons elsewhere.

const _ACTIONS := {JOY_BUTTON_A: &"ui_accept", JOY_BUTTON_B: &"ui_cancel"}


func _input(event: InputEvent) -> void:
	var button := event as InputEventJoypadButton
	if button == null or not _ACTIONS.has(button.button_index):
		return
	var action: StringName = _ACTIONS[button.button_index]
	var focused := get_viewport().gui_get_focus_owner()
	if event.is_action(action) or focused == null or not get_parent().is_ancestor_of(focused):
		return
	get_viewport().set_input_as_handled()
	var pressed := InputEventAction.new()
	pressed.action = action
	pressed.pressed = button.pressed
	get_viewport().push_input(pressed)
