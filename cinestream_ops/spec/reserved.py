"""
Names that are taken before an owner comes.

Sources: base-passwd of Debian and Ubuntu, the users of packages that servers commonly have, and
the unit names of systemd.special(7).
"""

from __future__ import annotations

USERS = """
root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody
messagebus sshd ssh polkitd avahi colord dnsmasq ftp geoclue gdm grafana haproxy kernoops landscape
lxd munin mysql nginx node-exporter ntp ntpsec openldap opendkim postfix postgres pollinate
prometheus rabbitmq redis rtkit saned statd syslog rsyslog tcpdump tss usbmux uuidd vboxadd whoopsie
chrony memcache memcached mongodb mongod mongo debian ubuntu admin administrator vagrant ec2-user
"""

GROUPS = """
adm tty disk kmem dialout fax voice cdrom floppy tape sudo wheel audio dip operator src shadow utmp
video sasl plugdev staff users nogroup input sgx kvm render crontab netdev ssl-cert docker lpadmin
systemd
"""

UNITS = """
autovt basic bluetooth boot-complete certbot cinestream console-getty container-getty cron
cryptsetup ctrl-alt-del dbus debug-shell default e2scrub emergency exit fail2ban final
first-boot-complete fstrim getty getty-pre graphical graphical-session halt hibernate
hybrid-sleep ifup initrd kexec local-fs local-fs-pre logrotate machine machines modprobe multi-user
network network-online network-pre networking nftables nss-lookup nss-user-lookup paths poweroff
printer quotaon reboot remote-fs remote-fs-pre rescue rpcbind runlevel serial-getty server session
shutdown sigpwr sleep slices smartcard snapd sockets sound suspend swap sysinit system time-set
time-sync timers ufw umount unattended-upgrades usb-gadget user user-runtime-dir
"""

# Folders of /var/www and databases of MongoDB that mean something else.
OTHERS = "html local config test localhost"

SITE_NAMES = frozenset(f"{USERS} {GROUPS} {UNITS} {OTHERS}".split())

ENVIRONMENT = frozenset(
    """
    SITE SECRET_KEY PATH HOME USER LOGNAME SHELL PWD IFS LISTEN_FDS LISTEN_PID LISTEN_FDNAMES
    NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID INVOCATION_ID JOURNAL_STREAM CREDENTIALS_DIRECTORY
    MAINPID PYTHONPATH PYTHONHOME PYTHONSTARTUP
    """.split()  # noqa: SIM905 -- lists of words read best as words
)
# Ours only while the site has a database of ours.
DATABASE_ENVIRONMENT = frozenset({"MONGODB_URI", "MONGODB_DATABASE"})
