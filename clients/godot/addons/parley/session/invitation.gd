class_name ParleyInvitation
extends RefCounted
## Join codes, lobby ids and `parley://` links as players type and paste them.


## The code or the id in it; empty where there is none.
static func read(invitation: String) -> String:
	var text := invitation.strip_edges()
	if text.begins_with("parley://"):
		text = text.trim_suffix("/").get_slice("?", 0).get_file()
	var bare := _bare(text)
	return text if bare != "" and text.length() <= 64 and bare.replace("_", "").is_valid_filename() else ""


## A join code has six characters, perhaps with blanks or a dash between them; a lobby id is longer.
static func is_code(text: String) -> bool:
	return _bare(text).length() <= 8


static func _bare(text: String) -> String:
	return text.replace("-", "").replace(" ", "")


## Of the command line (`+join CODE`, `parley://join/CODE`), or empty.
static func of_command_line() -> String:
	var words := OS.get_cmdline_args() + OS.get_cmdline_user_args()
	for at in words.size():
		if words[at] == "+join" and at + 1 < words.size():
			return words[at + 1]
		if words[at].begins_with("parley://"):
			return words[at]
	return ""
