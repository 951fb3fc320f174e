class_name ParleyGcm
extends RefCounted
## AES-256-GCM (NIST SP 800-38D), which Godot's Crypto lacks, from its AES-ECB: the counter blocks of a datagram are
## encrypted in one call, and GHASH looks up each byte of a block in the table of its position, so that nothing is shifted.
##
## Field elements are pairs of 64-bit integers in the byte order in which they stand in memory.

const TAG_BYTES := 16

var _ecb := AESContext.new()
## For each of the 16 places of a byte in a block its 256 products with H: first and last eight bytes of each.
var _first := PackedInt64Array()
var _last := PackedInt64Array()


## `key`: 32 bytes.
func _init(key: PackedByteArray) -> void:
	_ecb.start(AESContext.MODE_ECB_ENCRYPT, key)
	var zeros := PackedByteArray()
	zeros.resize(16)
	zeros.fill(0)
	_make_tables(_ecb.update(zeros))


## Appends the encryption of `body` and the tag to `header`, which is authenticated. `header`: 8 bytes; `nonce`: 12 bytes.
func seal(header: PackedByteArray, body: PackedByteArray, nonce: PackedByteArray) -> PackedByteArray:
	var size := body.size()
	var blocks := (size + 15) >> 4
	var stream := _key_stream(nonce, blocks + 1)
	var text := _xored(body, stream, size, blocks)
	var tag := _tag(header, text, size, blocks, stream)
	text.resize(size)
	var out := header.duplicate()
	out.append_array(text)
	out.append_array(tag)
	return out


## The body of a sealed datagram (an 8-byte header, the encryption, the tag), or null where the tag does not fit. The body
## is an array of bytes otherwise.
func open(sealed: PackedByteArray, nonce: PackedByteArray) -> Variant:
	var size := sealed.size() - 24
	var blocks := (size + 15) >> 4
	var stream := _key_stream(nonce, blocks + 1)
	var text := sealed.slice(8, 8 + size)
	_pad(text, size, blocks)
	if _tag(sealed, text, size, blocks, stream) != sealed.slice(8 + size):
		return null
	var body := _xored(text, stream, size, blocks)
	body.resize(size)
	return body


func _key_stream(nonce: PackedByteArray, blocks: int) -> PackedByteArray:
	var counters := PackedByteArray()
	counters.resize(blocks << 4)
	var first := nonce.decode_s64(0)
	var last := nonce.decode_u32(8)
	for block in blocks:
		var at := block << 4
		var number := block + 1
		counters.encode_s64(at, first)
		counters.encode_u32(at + 8, last)
		# Big-endian; a datagram has fewer than 65,536 blocks.
		counters.encode_u32(at + 12, ((number & 0xFF) << 24) | ((number & 0xFF00) << 8))
	return _ecb.update(counters)


## `body` against the key stream behind its first block, padded with zeros to whole blocks.
func _xored(body: PackedByteArray, stream: PackedByteArray, size: int, blocks: int) -> PackedByteArray:
	var out := body.duplicate()
	_pad(out, size, blocks)
	var at := 0
	for half in blocks << 1:
		out.encode_s64(at, out.decode_s64(at) ^ stream.decode_s64(at + 16))
		at += 8
	for spare in range(size, blocks << 4):
		out[spare] = 0
	return out


func _pad(bytes: PackedByteArray, size: int, blocks: int) -> void:
	bytes.resize(blocks << 4)
	for spare in range(size, blocks << 4):
		bytes[spare] = 0


## `header`: its first eight bytes count. `text`: padded with zeros to whole blocks.
func _tag(header: PackedByteArray, text: PackedByteArray, size: int, blocks: int, stream: PackedByteArray) -> PackedByteArray:
	var first := _first
	var last := _last
	var a := header.decode_s64(0)
	var b := 0
	for block in blocks + 2:
		if block > 0:
			if block <= blocks:
				var at := (block - 1) << 4
				a ^= text.decode_s64(at)
				b ^= text.decode_s64(at + 8)
			else:
				# Bits of the header (64) and of the text, each as a big-endian number of 64 bits.
				var bits := size << 3
				a ^= 0x40 << 56
				b ^= ((bits & 0xFF) << 56) | ((bits & 0xFF00) << 40) | ((bits & 0xFF0000) << 24)
		var p0 := a & 0xFF
		var p1 := 0x100 | ((a >> 8) & 0xFF)
		var p2 := 0x200 | ((a >> 16) & 0xFF)
		var p3 := 0x300 | ((a >> 24) & 0xFF)
		var p4 := 0x400 | ((a >> 32) & 0xFF)
		var p5 := 0x500 | ((a >> 40) & 0xFF)
		var p6 := 0x600 | ((a >> 48) & 0xFF)
		var p7 := 0x700 | ((a >> 56) & 0xFF)
		var p8 := 0x800 | (b & 0xFF)
		var p9 := 0x900 | ((b >> 8) & 0xFF)
		var p10 := 0xA00 | ((b >> 16) & 0xFF)
		var p11 := 0xB00 | ((b >> 24) & 0xFF)
		var p12 := 0xC00 | ((b >> 32) & 0xFF)
		var p13 := 0xD00 | ((b >> 40) & 0xFF)
		var p14 := 0xE00 | ((b >> 48) & 0xFF)
		var p15 := 0xF00 | ((b >> 56) & 0xFF)
		a = (first[p0] ^ first[p1] ^ first[p2] ^ first[p3] ^ first[p4] ^ first[p5] ^ first[p6] ^ first[p7]
			^ first[p8] ^ first[p9] ^ first[p10] ^ first[p11] ^ first[p12] ^ first[p13] ^ first[p14] ^ first[p15])
		b = (last[p0] ^ last[p1] ^ last[p2] ^ last[p3] ^ last[p4] ^ last[p5] ^ last[p6] ^ last[p7]
			^ last[p8] ^ last[p9] ^ last[p10] ^ last[p11] ^ last[p12] ^ last[p13] ^ last[p14] ^ last[p15])
	var tag := PackedByteArray()
	tag.resize(TAG_BYTES)
	tag.encode_s64(0, a ^ stream.decode_s64(0))
	tag.encode_s64(8, b ^ stream.decode_s64(8))
	return tag


func _make_tables(h: PackedByteArray) -> void:
	_first.resize(4096)
	_last.resize(4096)
	# H times x^n for n = 0 to 127, big-endian; bit 7 of byte 0 is x^0.
	var hi := _swap(h.decode_s64(0))
	var lo := _swap(h.decode_s64(8))
	for place in 16:
		var base := place << 8
		_first[base] = 0
		_last[base] = 0
		var bit := 128
		while bit > 0:
			_first[base + bit] = _swap(hi)
			_last[base + bit] = _swap(lo)
			var carry := lo & 1
			lo = ((lo >> 1) & 0x7FFFFFFFFFFFFFFF) | ((hi & 1) << 63)
			hi = (hi >> 1) & 0x7FFFFFFFFFFFFFFF
			if carry == 1:
				hi ^= 0xE1 << 56
			bit >>= 1
		bit = 1
		while bit < 256:
			var f := _first[base + bit]
			var l := _last[base + bit]
			for other in range(1, bit):
				_first[base + bit + other] = f ^ _first[base + other]
				_last[base + bit + other] = l ^ _last[base + other]
			bit <<= 1


## The eight bytes of an integer in the other order.
static func _swap(value: int) -> int:
	var out := 0
	for byte in 8:
		out = (out << 8) | ((value >> (byte << 3)) & 0xFF)
	return out
