# What docs/reference/wires/native.md shows, in Godot 3: asks the port in PORT where it is seen, with the ticket in TICKET.
extends SceneTree

func _init():
	var udp = PacketPeerUDP.new()
	udp.set_dest_address("127.0.0.1", int(OS.get_environment("PORT")))
	for _try in 50:
		udp.put_packet(("%-160s" % ("see %s 1" % OS.get_environment("TICKET"))).to_ascii())
		OS.delay_msec(100)
		if udp.get_available_packet_count() > 0:
			var seen = udp.get_packet().get_string_from_ascii().split(" ")
			print(to_json(seen))
			break
	quit()
