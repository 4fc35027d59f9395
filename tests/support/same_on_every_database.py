"""
Tests that use a database but whose results it can't change: they run on SQLite only.

All other tests that use one run on PostgreSQL too. Whoever adds a file here says that its queries are run there by
other tests.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[1]
FILES = (
    # The command line, settings and files: each command's work in the database is tested with its resolver.
    "app/cli/test_cli.py",
    "app/cli/test_sso.py",
    "app/cli/test_typed.py",
    "app/test_environment.py",
    "app/test_private_files.py",
    "app/test_serve.py",
    "app/test_settings_hostile.py",
    # HTTP: framing, headers, error pages, the console's files, logs, metrics and traces.
    "app/mail/test_server.py",
    "app/observability/test_metrics.py",
    "app/observability/test_observers.py",
    "app/observability/test_refusal_log.py",
    "app/observability/test_sign_in_log.py",
    "app/observability/test_tracing.py",
    "app/pages/test_console.py",
    "app/test_http_protocol_tricks.py",
    "app/sso/test_hostile_provider.py",
    "app/sso/test_passwords.py",
    "app/test_problems.py",
    "app/test_request_id.py",
    "app/verify/test_endpoint_wire.py",
    "schema/test_arguments.py",
    "schema/test_http_audit.py",
    # Who may do what. Each operation's statements are run there by the operation's own tests.
    "schema/test_keys_matrix.py",
    "schema/test_people_matrix.py",
    "schema/test_programs.py",
    "schema/test_signed_out.py",
    # Processes: how they are replaced and stopped. What they share is in the database's own tests of two processes.
    "end_to_end/processes/test_stopping.py::test_workers_are_replaced_without_a_lost_request_and_never_outlive_their_parent",
    "end_to_end/processes/test_hand_over.py",
    "end_to_end/processes/test_poison.py::test_a_header_whose_description_is_long_stops_nothing",
    # The clients and the documentation: they send what the tests of the API send.
    "app/verify/test_openapi.py",
    "clients/python/test_management_real.py",
    "clients/python/test_product_guide.py",
    "clients/python/test_provisioning.py",
    "clients/python/test_testing.py",
    "docs/test_build_your_own_ui.py",
    "docs/test_deploy.py",
    "end_to_end/browser/test_example_host.py",
    "end_to_end/processes/test_express.py",
    # Redis and the demo.
    "app/demo/test_prepare.py",
    "app/demo/test_usage.py",
    "app/doctor/test_redis_findings.py",
    # Messages and their redaction. What is read for an answer: assistant/facts and assistant/test_tenants.py.
    "assistant/test_abuse.py",
    "assistant/test_pasted.py",
    "assistant/test_pasted_beside.py",
    "assistant/test_worlds.py::test_an_answer_is_as_written_down",
    "test_no_secrets.py",
    "test_no_secrets_assistant.py",
    "test_no_secrets_forms.py",
    "test_strangers_texts.py",
)


def is_same_on_every_database(test_id: str) -> bool:
    """Whether the list has the test, or its file. The id is pytest's, such as tests/app/test_x.py::test_y[1]."""
    name = test_id.partition("[")[0].removeprefix(f"{FOLDER.name}/")
    return name in FILES or name.partition("::")[0] in FILES
