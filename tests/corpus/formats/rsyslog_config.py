"""Configurations of rsyslogd: one for each value of a setting that all templates share.

Mirrors   rsyslog.conf(5). ``@folder@`` is where rsyslogd listens and writes.
"""

# As Debian sets it, but: the sender's time stamps are kept, so that seconds can be compared.
_GLOBAL = """\
global(workDirectory="@folder@" parser.permitSlashInProgramName="%s")
module(load="imuxsock" SysSock.Name="@folder@/log" SysSock.IgnoreTimestamp="off"
       SysSock.UseSysTimeStamp="off" SysSock.RateLimit.Interval="0")
"""
# The tag up to the process id: ``postfix/smtp`` of ``postfix/smtp[99]:``.
_KEEPS_DAEMON = """\
template(name="KeepsDaemon" type="string" string="<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME%\
 %syslogtag:F,91:1% %PROCID% %MSGID% %STRUCTURED-DATA% %msg%\\n")
"""


def _to_file(name: str, template: str) -> str:
    return f'mail.* action(type="omfile" file="@folder@/{name}.log" template="{template}")\n'


CONFIGURATIONS = {
    "as-installed": _GLOBAL % "off"
    + _KEEPS_DAEMON
    + _to_file("rsyslog-traditional", "RSYSLOG_TraditionalFileFormat")
    + _to_file("rsyslog-rfc3339", "RSYSLOG_FileFormat")
    + _to_file("rsyslog-rfc5424-nameless", "RSYSLOG_SyslogProtocol23Format")
    + _to_file("rsyslog-rfc5424-syslogtag", "KeepsDaemon"),
    "slash-permitted": _GLOBAL % "on"
    + _to_file("rsyslog-rfc5424-slash", "RSYSLOG_SyslogProtocol23Format"),
}
