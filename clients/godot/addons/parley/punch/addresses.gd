class_name ParleyAddresses
extends RefCounted
## Which addresses may be sent to. Addresses are text, endpoints `address port` in one text (see [method key]).


## Names an endpoint in dictionaries.
static func key(address: String, port: int) -> String:
	return "%s %d" % [address, port]


static func is_v4(address: String) -> bool:
	return not address.contains(":")


## An address of one machine: not multicast, broadcast, unspecified, reserved or IPv4 inside IPv6.
static func is_unicast(address: String) -> bool:
	if not address.is_valid_ip_address():
		return false
	if is_v4(address):
		var first := address.get_slice(".", 0).to_int()
		return first != 0 and first < 224
	var bytes := to_bytes(address)
	if bytes.size() != 16 or bytes[0] == 0xFF:
		return false
	var is_mapped := bytes.slice(0, 10).count(0) == 10 and bytes[10] == 0xFF and bytes[11] == 0xFF
	return not is_mapped and bytes.count(0) < 16


static func is_endpoint(address: String, port: int) -> bool:
	return port >= 1 and port <= 65_535 and is_unicast(address)


## Of the own network (RFC 1918, 3927, 6598, 4193).
static func is_local(address: String) -> bool:
	if is_v4(address):
		var a := address.get_slice(".", 0).to_int()
		var b := address.get_slice(".", 1).to_int()
		return (a == 10 or (a == 100 and b >= 64 and b < 128) or (a == 169 and b == 254)
			or (a == 172 and b >= 16 and b < 32) or (a == 192 and b == 168))
	var bytes := to_bytes(address)
	return bytes.size() == 16 and (bytes[0] & 0xFE) == 0xFC


static func is_loopback(address: String) -> bool:
	return address.begins_with("127.") or address == "::1" or address == "0:0:0:0:0:0:0:1"


## Of this machine, as others in its network know it; those of loopback where it has no others. At most eight.
static func own() -> PackedStringArray:
	var outer := PackedStringArray()
	var inner := PackedStringArray()
	for address in IP.get_local_addresses():
		var lower := address.to_lower()
		if lower.begins_with("fe80:") or lower.contains("%") or outer.has(lower):
			continue
		if is_loopback(lower):
			inner.append(canonical(lower))
		else:
			outer.append(canonical(lower))
	return (outer if outer.size() > 0 else inner).slice(0, 8)


## The addresses that [ParleyOwnAddresses] has found last, or those of now where it has found none yet.
static var recent := PackedStringArray()


static func own_recent() -> PackedStringArray:
	return recent if recent.size() > 0 else own()


## 4 or 16 bytes; empty where the text is no address.
static func to_bytes(address: String) -> PackedByteArray:
	var out := PackedByteArray()
	if is_v4(address):
		for part in address.split("."):
			out.append(part.to_int() & 0xFF)
		return out
	var halves := address.get_slice("%", 0).split("::")
	var head := _groups(halves[0])
	var tail := _groups(halves[1]) if halves.size() > 1 else PackedInt32Array()
	var groups := head.duplicate()
	while groups.size() < 8 - tail.size():
		groups.append(0)
	groups.append_array(tail)
	for group in groups:
		out.append((group >> 8) & 0xFF)
		out.append(group & 0xFF)
	return out


## IPv6 as RFC 5952 writes it; Godot writes all eight groups. IPv4 stays.
static func canonical(address: String) -> String:
	if is_v4(address):
		return address
	var bytes := to_bytes(address)
	if bytes.size() != 16:
		return address
	var groups := PackedStringArray()
	for at in 8:
		groups.append("%x" % ((bytes[2 * at] << 8) | bytes[2 * at + 1]))
	var best := -1
	var length := 1
	for from in 8:
		var to := from
		while to < 8 and groups[to] == "0":
			to += 1
		if to - from > length:
			best = from
			length = to - from
	if best < 0:
		return ":".join(groups)
	return ":".join(groups.slice(0, best)) + "::" + ":".join(groups.slice(best + length))


## IPv6 with all eight groups: Godot 4.6 takes `2001:db8::1` for `2001:db8:1::1`. IPv4 stays.
static func uncompressed(address: String) -> String:
	var bytes := to_bytes(address)
	if is_v4(address) or bytes.size() != 16:
		return address
	var groups := PackedStringArray()
	for at in 8:
		groups.append("%x" % ((bytes[2 * at] << 8) | bytes[2 * at + 1]))
	return ":".join(groups)


static func _groups(text: String) -> PackedInt32Array:
	var out := PackedInt32Array()
	if text != "":
		for group in text.split(":"):
			out.append(group.hex_to_int())
	return out
