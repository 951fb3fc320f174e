class_name ParleySettings
extends RefCounted
## Project settings of the addon, with their defaults.

## Address of the hub, like `https://lobby.example.com`.
const URL := "parley/url"
## Name of the game at the hub.
const GAME := "parley/game"
## Version of the game: players of different versions do not join each other. Empty for any.
const VERSION := "parley/version"
## Whether up to 256 sockets and 1,536 datagrams may be used for one connection where both routers are difficult.
const BIRTHDAY := "parley/birthday"

const DEFAULTS := {
	URL: "http://127.0.0.1:8787",
	GAME: "default",
	VERSION: "",
	BIRTHDAY: true,
}


static func read(setting: String) -> Variant:
	return ProjectSettings.get_setting(setting, DEFAULTS[setting])


## Shows the settings in the editor.
static func register() -> void:
	for setting: String in DEFAULTS:
		if not ProjectSettings.has_setting(setting):
			ProjectSettings.set_setting(setting, DEFAULTS[setting])
		ProjectSettings.set_initial_value(setting, DEFAULTS[setting])
		ProjectSettings.set_as_basic(setting, true)
