class_name ParleySeal
extends RefCounted
## Sealed datagrams between two peers. A relay carries them and reads nothing.
##
## [codeblock]
## 0        1        2                 4                                   8            n-16
## | 0xD6   | epoch  | route (16)      | counter, lower 32 bits            | sealed ... | tag |
## [/codeblock]
##
## AES-256-GCM with the header authenticated. HKDF-SHA-256 (RFC 5869) derives a key, the nonce's mask and the route for each
## direction from the pair's key, which the hub sends to both. Two keys are accepted while one replaces the other.

const FIRST_BYTE := 0xD6
const HEADER_BYTES := 8
const SEAL_BYTES := 24
const KEY_BYTES := 32
## A new key is sent with once the peer has used it, or after this.
const EPOCH_SWITCH_MS := 3_000.0
## Datagrams of the old key are accepted for this long after the first one of the new key.
const EPOCH_GRACE_MS := 10_000.0

## Datagrams that were not opened: not for this pair, not made with the key, seen before.
var stray := 0
var forged := 0
var replayed := 0
var _sending: Epoch
var _newest: Epoch
var _older: Epoch = null
var _switch_at := INF
var _drop_at := INF


func _init(key: PackedByteArray, epoch: int, role: String) -> void:
	_sending = Epoch.new(key, epoch, role)
	_newest = _sending


## Another key from the hub. One that is not newer is ignored.
func renew(key: PackedByteArray, epoch: int, role: String, now: float) -> void:
	var ahead := posmod(epoch - _newest.number, 256)
	if ahead == 0 or ahead > 127:
		return
	_older = _newest
	_sending = _newest
	_newest = Epoch.new(key, epoch, role)
	_switch_at = now + EPOCH_SWITCH_MS
	_drop_at = INF


func seal(body: PackedByteArray, now: float) -> PackedByteArray:
	if now >= _switch_at:
		_switch(now)
	return _sending.seal(body)


## The same with the newest key, for probes of the punch that came with it: the peer may have kept another older key.
func seal_newest(body: PackedByteArray) -> PackedByteArray:
	return _newest.seal(body)


## What the peer sent, or null.
func open(bytes: PackedByteArray, now: float) -> Variant:
	if now >= _drop_at:
		_older = null
		_drop_at = INF
	if bytes.size() < SEAL_BYTES or bytes[0] != FIRST_BYTE:
		stray += 1
		return null
	var route := (bytes[2] << 8) | bytes[3]
	var epoch := _newest
	if bytes[1] != epoch.number or route != epoch.route_in:
		epoch = _older
		if epoch == null or bytes[1] != epoch.number or route != epoch.route_in:
			stray += 1
			return null
	var counter := epoch.window.widen((bytes[4] << 24) | (bytes[5] << 16) | (bytes[6] << 8) | bytes[7])
	if not epoch.window.is_new(counter):
		replayed += 1
		return null
	var body: Variant = epoch.open(bytes, counter)
	if body == null:
		forged += 1
		return null
	epoch.window.mark(counter)
	if epoch == _newest and _sending != _newest:
		_switch(now)
	return body


func _switch(now: float) -> void:
	_sending = _newest
	_switch_at = INF
	_drop_at = now + EPOCH_GRACE_MS


## The bytes of base64url without padding; empty where the text is none.
static func from_base64url(text: String) -> PackedByteArray:
	var padded := text.replace("-", "+").replace("_", "/")
	while padded.length() % 4 != 0:
		padded += "="
	return Marshalls.base64_to_raw(padded)


## One key: both directions.
class Epoch extends RefCounted:
	var number := 0
	var route_in := 0
	var window := ParleyReplayWindow.new()
	var _counter := 0
	var _gcm_out: ParleyGcm
	var _gcm_in: ParleyGcm
	var _mask_out: PackedByteArray
	var _mask_in: PackedByteArray
	var _header := PackedByteArray()

	func _init(key: PackedByteArray, epoch: int, role: String) -> void:
		number = epoch & 0xFF
		var outgoing := _derive(key, role)
		var incoming := _derive(key, "b" if role == "a" else "a")
		_gcm_out = ParleyGcm.new(outgoing.slice(0, 32))
		_gcm_in = ParleyGcm.new(incoming.slice(0, 32))
		_mask_out = outgoing.slice(32, 44)
		_mask_in = incoming.slice(32, 44)
		route_in = (incoming[44] << 8) | incoming[45]
		_header = PackedByteArray([FIRST_BYTE, number, outgoing[44], outgoing[45], 0, 0, 0, 0])

	func seal(body: PackedByteArray) -> PackedByteArray:
		var counter := _counter
		_counter += 1
		for byte in 4:
			_header[7 - byte] = (counter >> (byte << 3)) & 0xFF
		return _gcm_out.seal(_header, body, _nonce(_mask_out, counter))

	func open(bytes: PackedByteArray, counter: int) -> Variant:
		return _gcm_in.open(bytes, _nonce(_mask_in, counter))

	# RFC 8446 section 5.3: the mask, XORed with the counter in its last eight bytes.
	func _nonce(mask: PackedByteArray, counter: int) -> PackedByteArray:
		var nonce := mask.duplicate()
		var at := 11
		while counter > 0:
			nonce[at] ^= counter & 0xFF
			counter >>= 8
			at -= 1
		return nonce

	func _derive(key: PackedByteArray, sender: String) -> PackedByteArray:
		var crypto := Crypto.new()
		var salt := PackedByteArray()
		salt.resize(32)
		salt.fill(0)
		var secret := crypto.hmac_digest(HashingContext.HASH_SHA256, salt, key)
		var info := ("parley pair v1 from %s epoch %d" % [sender, number]).to_ascii_buffer()
		var first := crypto.hmac_digest(HashingContext.HASH_SHA256, secret, info + PackedByteArray([1]))
		var second := crypto.hmac_digest(HashingContext.HASH_SHA256, secret, first + info + PackedByteArray([2]))
		return first + second
