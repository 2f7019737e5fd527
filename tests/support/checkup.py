"""The check-up of a house, for the tests of its findings."""

import asyncio
import time


def examine(house, *, probe=False):
    return asyncio.run(house.client.doctor.examine(probe=probe))


def faults(house):
    return [finding for finding in examine(house) if finding.severity != "note"]


def seen(house):
    """Times and modes of all files, and their content."""
    root = house.home.user_home
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in root.rglob("*")}, house.files()


def write(house, config):
    """Write the configuration as a sound home has it: private, and no older than the clock."""
    house.write_config(config)
    house.home.state_dir.chmod(0o700)
    house.home.config_path.chmod(0o600)
    house.clock.now = time.time()  # files are dated by the system
