"""Documents about who is mailed about what."""

SETTINGS = "mail addresses toAdmins onExposure isMailSetUp"
NOTIFICATIONS = f"query ($id: ID!) {{ organization(id: $id) {{ notifications {{ {SETTINGS} }} }} }}"
UPDATE_NOTIFICATIONS = f"""
mutation ($input: UpdateNotificationsInput!) {{
  updateNotifications(input: $input) {{
    __typename
    ... on NotificationSettings {{ {SETTINGS} }}
    ... on InvalidInput {{ message code field }}
  }}
}}
"""
