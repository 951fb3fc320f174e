class_name ParleyGcm
extends RefCounted
## AES-256-GCM (NIST SP 800-38D), which Godot's Crypto lacks, from its AES-ECB: the counter blocks of a datagram are
## encrypted in one call, and GHASH looks up each byte of a block in the table of its position, so that nothing is shifted.
##
## Field elements are pairs of 64-bit integers in the byte order in which they stand in memory.

const TAG_BYTES := 16
const _EIGHT_ZEROS: PackedByteArray = [0, 0, 0, 0, 0, 0, 0, 0]

## The second word of each block's counter, at odd places, without the nonce.
static var _numbers := PackedInt64Array()
var _ecb := AESContext.new()
## For each of the 16 places of a byte in a block its 256 products with H: first and last eight bytes of each.
var _first: Array[PackedInt64Array] = []
var _last: Array[PackedInt64Array] = []


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
	var words := _words_of(header, body)
	var stream := _key_stream(nonce, words.size() >> 1)
	for at in range(2, words.size()):
		words[at] ^= stream[at]
	_clear_behind(words, size)
	var out := header.duplicate()
	out.append_array(words.to_byte_array().slice(16, 16 + size))
	out.append_array(_tag(words, size, stream).to_byte_array())
	return out


## The body of a sealed datagram (an 8-byte header, the encryption, the tag), or null where the tag does not fit. The body
## is an array of bytes otherwise.
func open(sealed: PackedByteArray, nonce: PackedByteArray) -> Variant:
	var size := sealed.size() - 24
	var words := _words_of(sealed.slice(0, 8), sealed.slice(8, 8 + size))
	_clear_behind(words, size)
	var stream := _key_stream(nonce, words.size() >> 1)
	var tag := _tag(words, size, stream)
	if tag[0] != sealed.decode_s64(8 + size) or tag[1] != sealed.decode_s64(16 + size):
		return null
	for at in range(2, words.size()):
		words[at] ^= stream[at]
	return words.to_byte_array().slice(16, 16 + size)


## Two words for each block: the header and zeros, and then the text. Bytes behind the text have any value.
static func _words_of(header: PackedByteArray, text: PackedByteArray) -> PackedInt64Array:
	var bytes := header + _EIGHT_ZEROS
	bytes.append_array(text)
	bytes.resize((bytes.size() + 15) & ~15)
	return bytes.to_int64_array()


## Sets what is behind the text in its last block to zero. The lowest byte of a word is its first.
static func _clear_behind(words: PackedInt64Array, size: int) -> void:
	var rest := size & 15
	if rest == 0:
		return
	var last := words.size() - 1
	if rest < 8:
		words[last] = 0
		words[last - 1] &= (1 << (rest << 3)) - 1
	else:
		words[last] &= (1 << ((rest - 8) << 3)) - 1


## Of the first block, which encrypts the tag, and of those of the text.
func _key_stream(nonce: PackedByteArray, blocks: int) -> PackedInt64Array:
	# A number of a block is big-endian and the last quarter of its counter. A datagram has fewer than 65,536 blocks.
	while _numbers.size() < blocks << 1:
		var number := (_numbers.size() >> 1) + 1
		_numbers.append(0)
		_numbers.append(((number & 0xFF) << 56) | ((number & 0xFF00) << 40))
	var numbers := _numbers
	var last := nonce.decode_u32(8)
	var counters := PackedInt64Array()
	counters.resize(blocks << 1)
	counters.fill(nonce.decode_s64(0))
	for at in range(1, blocks << 1, 2):
		counters[at] = numbers[at] | last
	return _ecb.update(counters.to_byte_array()).to_int64_array()


## Two words. `words`: see [method _words_of], with zeros behind the text.
func _tag(words: PackedInt64Array, size: int, stream: PackedInt64Array) -> PackedInt64Array:
	# A local variable is read faster than an element.
	var f0 := _first[0]
	var f1 := _first[1]
	var f2 := _first[2]
	var f3 := _first[3]
	var f4 := _first[4]
	var f5 := _first[5]
	var f6 := _first[6]
	var f7 := _first[7]
	var f8 := _first[8]
	var f9 := _first[9]
	var f10 := _first[10]
	var f11 := _first[11]
	var f12 := _first[12]
	var f13 := _first[13]
	var f14 := _first[14]
	var f15 := _first[15]
	var l0 := _last[0]
	var l1 := _last[1]
	var l2 := _last[2]
	var l3 := _last[3]
	var l4 := _last[4]
	var l5 := _last[5]
	var l6 := _last[6]
	var l7 := _last[7]
	var l8 := _last[8]
	var l9 := _last[9]
	var l10 := _last[10]
	var l11 := _last[11]
	var l12 := _last[12]
	var l13 := _last[13]
	var l14 := _last[14]
	var l15 := _last[15]
	var a := words[0]
	var b := 0
	var at := 2
	var blocks := words.size() >> 1
	for block in range(1, blocks + 2):
		var p0 := a & 0xFF
		var p1 := (a >> 8) & 0xFF
		var p2 := (a >> 16) & 0xFF
		var p3 := (a >> 24) & 0xFF
		var p4 := (a >> 32) & 0xFF
		var p5 := (a >> 40) & 0xFF
		var p6 := (a >> 48) & 0xFF
		var p7 := (a >> 56) & 0xFF
		var p8 := b & 0xFF
		var p9 := (b >> 8) & 0xFF
		var p10 := (b >> 16) & 0xFF
		var p11 := (b >> 24) & 0xFF
		var p12 := (b >> 32) & 0xFF
		var p13 := (b >> 40) & 0xFF
		var p14 := (b >> 48) & 0xFF
		var p15 := (b >> 56) & 0xFF
		a = (f0[p0] ^ f1[p1] ^ f2[p2] ^ f3[p3] ^ f4[p4] ^ f5[p5] ^ f6[p6] ^ f7[p7]
			^ f8[p8] ^ f9[p9] ^ f10[p10] ^ f11[p11] ^ f12[p12] ^ f13[p13] ^ f14[p14] ^ f15[p15])
		b = (l0[p0] ^ l1[p1] ^ l2[p2] ^ l3[p3] ^ l4[p4] ^ l5[p5] ^ l6[p6] ^ l7[p7]
			^ l8[p8] ^ l9[p9] ^ l10[p10] ^ l11[p11] ^ l12[p12] ^ l13[p13] ^ l14[p14] ^ l15[p15])
		if block < blocks:
			a ^= words[at]
			b ^= words[at + 1]
			at += 2
		elif block == blocks:
			# Bits of the header (64) and of the text, each as a big-endian number of 64 bits.
			var bits := size << 3
			a ^= 0x40 << 56
			b ^= ((bits & 0xFF) << 56) | ((bits & 0xFF00) << 40) | ((bits & 0xFF0000) << 24)
	return PackedInt64Array([a ^ stream[0], b ^ stream[1]])


func _make_tables(h: PackedByteArray) -> void:
	# H times x^n for n = 0 to 127, big-endian; bit 7 of byte 0 is x^0.
	var hi := _swap(h.decode_s64(0))
	var lo := _swap(h.decode_s64(8))
	for place in 16:
		var first := PackedInt64Array()
		var last := PackedInt64Array()
		first.resize(256)
		last.resize(256)
		first[0] = 0
		last[0] = 0
		var bit := 128
		while bit > 0:
			first[bit] = _swap(hi)
			last[bit] = _swap(lo)
			var carry := lo & 1
			lo = ((lo >> 1) & 0x7FFFFFFFFFFFFFFF) | ((hi & 1) << 63)
			hi = (hi >> 1) & 0x7FFFFFFFFFFFFFFF
			if carry == 1:
				hi ^= 0xE1 << 56
			bit >>= 1
		bit = 1
		while bit < 256:
			var f := first[bit]
			var l := last[bit]
			for other in range(1, bit):
				first[bit + other] = f ^ first[other]
				last[bit + other] = l ^ last[other]
			bit <<= 1
		_first.append(first)
		_last.append(last)


## The eight bytes of an integer in the other order.
static func _swap(value: int) -> int:
	var out := 0
	for byte in 8:
		out = (out << 8) | ((value >> (byte << 3)) & 0xFF)
	return out
