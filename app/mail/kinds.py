"""All kinds of mail that the outbox sends."""

from app.mail.letter import Sender
from app.mail.outbox import Kind
from app.mail.people import InvitationMails, KeyRequestMails, PasswordResetMails
from app.mail.tickets import TicketMails
from app.settings import Settings
from keys.sign_in.links import Links
from resolvers.services import Clock


def kinds_of_mail(settings: Settings, links: Links, public_url: str, clock: Clock) -> list[Kind]:
    """Mails to people come first: somebody waits for them. Without a sender, there are only tickets."""
    if settings.mail_sender is None:
        return [TicketMails()]
    sender = Sender(settings.brand_name, settings.mail_sender, settings.brand.mail_color)
    return [
        PasswordResetMails(links, sender, clock),
        InvitationMails(links, sender, clock),
        KeyRequestMails(public_url, sender),
        TicketMails(),
    ]
