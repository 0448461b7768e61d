"""Classes along hops and requeues: a filtered notification is still a notification.

Gives     ``Inheritance.settle``, once for a batch, after links were resolved.
Limits    A message inherits from at most DEPTH_MAX messages before it: links that form a loop end
          there. Within that depth the result follows from the stored facts alone.
"""

from mailtally_collector.lineage import DEPTH_MAX
from mailtally_collector.store.mail import Mail
from mailtally_collector.store.mails import Mails
from mailtally_collector.terms import TrafficClass
from mailtally_collector.traffic_class import INHERITING, combine


class Inheritance:
    """Hands classes down. Used by the writer thread only."""

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    def settle(self) -> None:
        """Work out the inherited class of messages whose lineage changed, and of their heirs."""
        generation = [
            mail for mail in self._mails.changed() if mail.row.lineage != mail.handed_down
        ]
        seen = {mail.row.id for mail in generation}
        for mail in generation:
            mail.handed_down = mail.row.lineage
        for _ in range(DEPTH_MAX + 1):
            for mail in generation:
                self._inherit(mail)
            leading = {mail.row.id for mail in generation if mail.row.leads_on}
            generation = [
                heir
                for heir in (self._mails.continuing(leading) if leading else ())
                if heir.row.origin_kind in INHERITING and heir.row.id not in seen
            ]
            seen.update(mail.row.id for mail in generation)
            if not generation:
                break

    def _inherit(self, mail: Mail) -> None:
        """Combine the classes of those that the message continues."""
        classes = [int(TrafficClass.UNSPECIFIED)]
        at = mail.row
        for _ in range(DEPTH_MAX):
            if at.origin_id is None or at.origin_kind not in INHERITING:
                break
            at = self._mails.by_id(at.origin_id).row
            classes.append(at.own_class)
        inherited = combine(*classes)
        if inherited != mail.row.inherited_class:
            mail.row.inherited_class = inherited
            self._mails.mark(mail)
