class_name ParleyRandom
extends RefCounted
## Random numbers that a peer cannot foretell.

static var _bytes := PackedByteArray()
static var _at := 0


## 0 to 2^32 - 1.
static func u32() -> int:
	if _at + 4 > _bytes.size():
		_bytes = Crypto.new().generate_random_bytes(1024)
		_at = 0
	_at += 4
	return _bytes.decode_u32(_at - 4)


## Lower-case hexadecimal digits.
static func word(digits := 10) -> String:
	var text := ""
	while text.length() < digits:
		text += "%08x" % u32()
	return text.left(digits)
