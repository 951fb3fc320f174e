class_name ParleyParsing
extends ParleyJob
## A long JSON text.

## Null where the text is no JSON.
var json: Variant = null
var _text := ""


func _init(text: String) -> void:
	_text = text


func step() -> bool:
	var parser := JSON.new()
	if parser.parse(_text) == OK:
		json = parser.data
	return true
