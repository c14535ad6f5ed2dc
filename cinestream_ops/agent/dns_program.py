"""
The program that asks the DNS, as text: it runs on our own tools, where dnspython is.

The server's own resolver would also read `/etc/hosts`, which nobody else does, and knows no CAA.
Of CAA records the nearest set on the way up counts, and it alone (RFC 8659, 3).
"""

PROGRAM = r"""
import json, sys
import dns.exception, dns.resolver

def found(name, kind):
    try:
        rows = dns.resolver.resolve(name + ".", kind, lifetime=15)
        return [row.to_text() for row in rows]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []

def caa(name):
    labels = name.split(".")
    for start in range(len(labels)):
        rows = found(".".join(labels[start:]), "CAA")
        if rows: return rows
    return []

def told(name):
    try:
        return {"a": found(name, "A"), "aaaa": found(name, "AAAA"), "caa": caa(name)}
    except dns.exception.DNSException as error:
        return {"error": str(error)}

print(json.dumps({name: told(name) for name in json.load(sys.stdin)["names"]}))
"""
