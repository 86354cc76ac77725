"""``python -m gateway`` is ``ferrule``."""

from gateway.cli.main import main

raise SystemExit(main())
