class_name ParleyMessageDeflate
extends RefCounted
## Raw deflate (RFC 1951) of whole messages, where the peer has said that it inflates. Godot knows zlib's format (RFC 1950): two
## bytes before and four behind.

const Limits := preload("message_limits.gd")
const _HEADER := 2
const _TRAILER := 4
const _STEP_BYTES := 1 << 16


## The shorter form; empty where there is none.
static func deflated(bytes: PackedByteArray) -> PackedByteArray:
	if bytes.size() < Limits.COMPRESS_FROM_BYTES or bytes.size() > Limits.COMPRESS_BYTES_MAX:
		return PackedByteArray()
	if bytes.size() > Limits.COMPRESS_SAMPLE_BYTES:
		# Pictures, sounds and what is deflated already show it from the beginning.
		if _raw(bytes.slice(0, Limits.COMPRESS_SAMPLE_BYTES)).size() > Limits.COMPRESS_SAMPLE_MAX:
			return PackedByteArray()
	var short := _raw(bytes)
	return short if short.size() < bytes.size() else PackedByteArray()


static func _raw(bytes: PackedByteArray) -> PackedByteArray:
	var whole := bytes.compress(FileAccess.COMPRESSION_DEFLATE)
	return whole.slice(_HEADER, whole.size() - _TRAILER)


## What was deflated, as `[bytes]`; empty where it is no deflate, or more than a message may be.
static func inflated(bytes: PackedByteArray) -> Array[PackedByteArray]:
	var stream := StreamPeerGZIP.new()
	if stream.start_decompression(true, 2 * _STEP_BYTES) != OK:
		return []
	# What a peer sent wrongly is no error of this game.
	var prints := Engine.print_error_messages
	Engine.print_error_messages = false
	var out := _inflate(stream, bytes)
	Engine.print_error_messages = prints
	return out


static func _inflate(stream: StreamPeerGZIP, bytes: PackedByteArray) -> Array[PackedByteArray]:
	var whole := PackedByteArray()
	var head: Array = stream.put_partial_data(PackedByteArray([0x78, 0x9C]))
	if head[0] != OK:
		return []
	var at := 0
	while true:
		var put: Array = stream.put_partial_data(bytes.slice(at, at + 1024))
		if put[0] != OK:
			return []
		at += put[1]
		var count := stream.get_available_bytes()
		if count > 0:
			var got: Array = stream.get_partial_data(count)
			whole.append_array(got[1])
		if whole.size() > Limits.MESSAGE_BYTES_MAX:
			return []
		if at >= bytes.size() and count == 0:
			return [whole]
		if put[1] == 0 and count == 0:
			return []
	return []
