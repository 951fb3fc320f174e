extends "res://test/unit/unit_test.gd"
## AES-256-GCM beside OpenSSL's.

## SHA-256 of the header, the encryption and the tag as OpenSSL makes them, by the length of the body.
const SEALED := {
	0: "87e91e256dd220ae511613e1b504846c2d6cb8f3e28369fa796ac10333e6ed2c",
	1: "533b6f1f7343d7a63310a3ec8c9059451e20437030ace2f174afe0738ba70ac1",
	7: "780a6bcc097a86fba116b7ee0e0ca9a1f2d57be7ee77db51085368e4126eec08",
	8: "7014353d503364c7b3eef6e70f71e539454f486b79a7e8b6d00380920028f7bf",
	9: "6833c4eed1d174d338a8cc19e9c48ddb6856da4ace0d6924d15a13580a9a2b68",
	15: "bde776be667bc3d50d73cfc50508016b2ed08ea3df5ef5a52f4cfcd27a3ccab7",
	16: "bdcecacfaf917b6c8d7fb24d4969cafe39104af499d6602d26a1099a9a992f5e",
	17: "f3ef99d14a663a66519ec5cd0323758b7016f6b25253e7043ce020b0f88860db",
	100: "54dcbc3771ea5ff53c32ec62dc3b0a29cc3fda976e286ab8ded9f6f243d9f0e6",
	1207: "9b9f9debd509649f013220ed2bd7fda17da14eea813ff4649baae49bd0883f73",
}


func _counting(size: int, from: int, step: int) -> PackedByteArray:
	var out := PackedByteArray()
	for at in size:
		out.append((from + step * at) & 0xFF)
	return out


func _sealed(gcm: ParleyGcm, size: int) -> PackedByteArray:
	return gcm.seal(PackedByteArray([0xD6, 1, 2, 3, 4, 5, 6, 7]), _counting(size, 0, 7), _counting(12, 200, 1))


func test_bodies_of_any_length_are_sealed_as_openssl_does_and_opened_again() -> void:
	var gcm := ParleyGcm.new(_counting(32, 0, 1))
	for size: int in SEALED:
		var sealed := _sealed(gcm, size)
		var hashing := HashingContext.new()
		hashing.start(HashingContext.HASH_SHA256)
		hashing.update(sealed)
		same(hashing.finish().hex_encode(), SEALED[size], "%d bytes" % size)
		same(gcm.open(sealed, _counting(12, 200, 1)), _counting(size, 0, 7), "%d bytes opened" % size)


func test_a_change_of_any_byte_is_refused() -> void:
	var gcm := ParleyGcm.new(_counting(32, 0, 1))
	var sealed := _sealed(gcm, 17)
	for at in sealed.size():
		var changed := sealed.duplicate()
		changed[at] ^= 1
		same(gcm.open(changed, _counting(12, 200, 1)), null, "byte %d" % at)
