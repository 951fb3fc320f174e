class_name ParleyConnectionFields
extends RefCounted
## Every field name of the hub's API about sidecars and connections, in and out. [ParleyFields] has the others.


## Endpoints that speak the native wire, `[{address, port}]` by sidecar: up to two ports at each of its addresses. A sidecar that
## does not know its address is at the hub's, if that is a number.
static func native_endpoints(listed: Array, hub_url: String) -> Array[Array]:
	var out: Array[Array] = []
	for sidecar: Variant in listed:
		var addresses := ParleyFields.array(sidecar, "v4").slice(0, 2) + ParleyFields.array(sidecar, "v6").slice(0, 1)
		if addresses.is_empty():
			var host := hub_url.get_slice("://", 1).get_slice("/", 0).get_slice(":", 0).replace("localhost", "127.0.0.1")
			if host.is_valid_ip_address():
				addresses = [host]
		var ports: Array[int] = []
		for port: Variant in ParleyFields.array(sidecar, "ports"):
			if ParleyFields.array(port, "wires").has("native") and ports.size() < 2:
				ports.append(ParleyFields.whole(port.get("port")))
		var found: Array[Dictionary] = []
		for address: Variant in addresses:
			for port in ports:
				if address is String and ParleyAddresses.is_endpoint(address, port):
					found.append({"address": address, "port": port})
		if not found.is_empty():
			out.append(found)
	return out


static func reach(looks: Array, hosts: Array, now: float, rtt_ms: float, more: Dictionary) -> Dictionary:
	var body := {"looks": looks, "local_endpoints": hosts, "now_ms": now, "rtt_ms": rtt_ms}
	for field: String in ["filtering", "birthday", "attempt", "epoch"]:
		if more.has(field):
			body[field] = more[field]
	return body


static func look(socket: int, local_port: int, via: Dictionary, at: float, receipt: String) -> Dictionary:
	return {"socket": socket, "local_port": local_port, "via": {"address": via["address"], "port": via["port"]},
		"at_ms": at, "receipt": receipt}


static func connecting(peer_id: String, of_reach: Dictionary, relay: bool) -> Dictionary:
	return {"peer_id": peer_id, "reach": of_reach, "with_relay": relay}


## A body of HTTP as a message of the event stream.
static func in_lobby(lobby: String, body: Dictionary) -> Dictionary:
	return body.merged({"lobby_id": lobby})


## `{key, epoch, role}`, or empty where there is none.
static func pair_key(json: Variant) -> Dictionary:
	var row := ParleyFields.dictionary(json, "pair_key")
	var key := ParleySeal.from_base64url(ParleyFields.text(row, "key")) if ParleyFields.text(row, "key").length() == 43 else PackedByteArray()
	var role := ParleyFields.text(row, "role")
	if key.size() != 32 or (role != "a" and role != "b"):
		return {}
	return {"key": key, "epoch": ParleyFields.whole(row.get("epoch")), "role": role}


## `{address, port, ticket, tunnel}`, or empty.
static func relay(json: Variant) -> Dictionary:
	var address := ParleyFields.text(json, "address")
	var port := ParleyFields.whole(json.get("port")) if json is Dictionary else 0
	if not ParleyAddresses.is_endpoint(address, port) or ParleyFields.text(json, "ticket") == "":
		return {}
	var tunnel := ParleyFields.text(json, "tunnel")
	return {"address": address, "port": port, "ticket": ParleyFields.text(json, "ticket"),
		"tunnel": tunnel if tunnel.begins_with("ws") else ""}


static func outcome(path: String, more := {}) -> Dictionary:
	var body := {"path": path}
	body.merge(more)
	return body


static func accepting(connection: String, of_reach: Dictionary) -> Dictionary:
	return {"connection_id": connection, "reach": of_reach}


static func denying(connection: String) -> Dictionary:
	return {"connection_id": connection}


## `lost`: the `{address, port}` of an end that does not answer, or empty.
static func relaying(connection: String, lost: Dictionary) -> Dictionary:
	return {"connection_id": connection, "lost": lost} if not lost.is_empty() else {"connection_id": connection}
