class_name ParleyListing
extends RefCounted
## A line of the lobby list.

var id := ""
var name := ""
var member_count := 0
## 0 where the lobby does not say.
var seats := 0
var has_password := false
var joinable := true
var approval := false
## How the host is reached: `udp`, `relay` or `web`; empty where the lobby does not say.
var reachability := ""
## How the host can be connected: `udp`, `webrtc`; empty where its client does not say. Without `udp` it cannot be joined.
var paths: Array[String] = []
## `open` or `in_game`.
var state := "open"
var version := ""
## Public data of the lobby.
var data := {}
## `internet`, or `lan`.
var source := "internet"
