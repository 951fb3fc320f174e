@tool
extends EditorPlugin
## Registers the `Parley` autoload and the project settings below `parley/`.

const AUTOLOAD := "Parley"
const SCRIPT := "res://addons/parley/parley.gd"


# `_enable_plugin` is not called for a plugin that project.godot already enables, so this is done on every start.
func _enter_tree() -> void:
	ParleySettings.register()
	if not ProjectSettings.has_setting("autoload/" + AUTOLOAD):
		add_autoload_singleton(AUTOLOAD, SCRIPT)
		# Where the editor is not told to save, a project that enables the plugin by hand would never have the autoload.
		ProjectSettings.save()


func _disable_plugin() -> void:
	remove_autoload_singleton(AUTOLOAD)
