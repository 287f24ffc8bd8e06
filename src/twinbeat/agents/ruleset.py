"""The guard's rules: an address of ours is silent unless a set whose elements run out holds it.

Three tables, for each alone has a hole. `inet` and `arp` do not depend on a device, so a second
interface on the same network cannot answer for the address; `netdev` sits on the address's
device, where it alone sees what a packet socket sends and can obey a peer's announcement.

The sets: `vip*` the addresses of ours, `flow*` those that may exchange packets now, `live*` those
that may also be answered for in ARP and neighbour discovery, `peers` the hardware addresses whose
announcement of an address of ours takes it away from us before any later packet is seen.

The tables are made before, for their flags; the `netdev` chains get their devices afterwards, as
interfaces come and go.
"""

TABLE = "twinbeat"

RULES = """\
add set inet twinbeat vip4 { type ipv4_addr; }
add set inet twinbeat vip6 { type ipv6_addr; }
add set inet twinbeat flow4 { type ipv4_addr; flags timeout; }
add set inet twinbeat flow6 { type ipv6_addr; flags timeout; }
add chain inet twinbeat pre { type filter hook prerouting priority -450; policy accept; }
add chain inet twinbeat out { type filter hook output priority -450; policy accept; }
add chain inet twinbeat post { type filter hook postrouting priority 500; policy accept; }
add rule inet twinbeat pre ip daddr @vip4 ip daddr != @flow4 counter drop
add rule inet twinbeat pre ip6 daddr @vip6 ip6 daddr != @flow6 counter drop
add rule inet twinbeat out ip saddr @vip4 ip saddr != @flow4 counter drop
add rule inet twinbeat out ip6 saddr @vip6 ip6 saddr != @flow6 counter drop
add rule inet twinbeat post ip saddr @vip4 ip saddr != @flow4 counter drop
add rule inet twinbeat post ip6 saddr @vip6 ip6 saddr != @flow6 counter drop
add set arp twinbeat vip4 { type ipv4_addr; }
add set arp twinbeat live4 { type ipv4_addr; flags timeout; }
add chain arp twinbeat in { type filter hook input priority -450; policy accept; }
add chain arp twinbeat out { type filter hook output priority -450; policy accept; }
add rule arp twinbeat in arp daddr ip @vip4 arp daddr ip != @live4 counter drop
add rule arp twinbeat out arp saddr ip @vip4 arp saddr ip != @live4 counter drop
add set netdev twinbeat vip4 { type ipv4_addr; }
add set netdev twinbeat vip6 { type ipv6_addr; }
add set netdev twinbeat flow4 { type ipv4_addr; size 4096; flags dynamic,timeout; }
add set netdev twinbeat flow6 { type ipv6_addr; size 4096; flags dynamic,timeout; }
add set netdev twinbeat live4 { type ipv4_addr; size 4096; flags dynamic,timeout; }
add set netdev twinbeat live6 { type ipv6_addr; size 4096; flags dynamic,timeout; }
add set netdev twinbeat peers { type ether_addr; }
add chain netdev twinbeat in
add chain netdev twinbeat out
add rule netdev twinbeat in arp saddr ip @vip4 ether saddr @peers delete @live4 { arp saddr ip }
add rule netdev twinbeat in icmpv6 type nd-neighbor-advert ip6 saddr @vip6 ether saddr @peers \
delete @live6 { ip6 saddr }
add rule netdev twinbeat in arp daddr ip @vip4 arp daddr ip != @live4 counter drop
add rule netdev twinbeat in icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } \
ip6 daddr @vip6 ip6 daddr != @live6 counter drop
add rule netdev twinbeat in ip daddr @vip4 ip daddr != @flow4 counter drop
add rule netdev twinbeat in ip6 daddr @vip6 ip6 daddr != @flow6 counter drop
add rule netdev twinbeat out arp saddr ip @vip4 arp saddr ip != @live4 counter drop
add rule netdev twinbeat out icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } \
ip6 saddr @vip6 ip6 saddr != @live6 counter drop
add rule netdev twinbeat out ip saddr @vip4 ip saddr != @flow4 counter drop
add rule netdev twinbeat out ip6 saddr @vip6 ip6 saddr != @flow6 counter drop
"""
