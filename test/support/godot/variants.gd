# Prints how Godot 3 encodes its own values, and how it decodes bytes that the test made: lines of JSON.
# PROGRAM, in the environment, is a JSON list of hexadecimal texts, each of which is decoded and encoded again.
extends SceneTree


func _init():
	var values = [
		null, true, false, 0, 1, -1, 2147483647, -2147483648, 2147483648, 4294967296, -9007199254740993, 1.5, 0.1, 1.0, -0.5, "", "a", "héé, 世界",
		Vector2(1, 2.5), Rect2(1, 2, 3, 4), Vector3(1, 2, 3),
		Transform2D(Vector2(1, 2), Vector2(3, 4), Vector2(5, 6)), Plane(Vector3(1, 2, 3), 4), Quat(1, 2, 3, 4),
		AABB(Vector3(1, 2, 3), Vector3(4, 5, 6)), Basis(Vector3(1, 2, 3), Vector3(4, 5, 6), Vector3(7, 8, 9)),
		Transform(Basis(Vector3(1, 2, 3), Vector3(4, 5, 6), Vector3(7, 8, 9)), Vector3(10, 11, 12)), Color(0.5, 0.25, 1, 0),
		NodePath("/root/Main:position"), NodePath("abcd/efgh"), {}, {"message": "handshake", "from": 42, 3: [1.5, null]}, [], [1, [2, [3, {}]]],
		PoolByteArray([1, 2, 3]), PoolByteArray([]), PoolIntArray([1, -2, 3]), PoolRealArray([1.5, 2.5]), PoolStringArray(["a", "bc", "dé"]),
		PoolVector2Array([Vector2(1, 2)]), PoolVector3Array([Vector3(1, 2, 3), Vector3(4, 5, 6)]), PoolColorArray([Color(1, 0, 0, 1)]),
	]
	for value in values:
		print(JSON.print({"godot": var2str(value), "hex": var2bytes(value).hex_encode()}))
	for text in JSON.parse(OS.get_environment("PROGRAM")).result:
		var bytes = PoolByteArray()
		for at in range(0, text.length(), 2):
			bytes.append(("0x" + text.substr(at, 2)).hex_to_int())
		print(JSON.print({"of": text, "godot": var2str(bytes2var(bytes)), "hex": var2bytes(bytes2var(bytes)).hex_encode()}))
	quit()
