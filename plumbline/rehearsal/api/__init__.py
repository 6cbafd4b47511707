"""What every service that the rehearsal adds to the emulator needs: shapes, errors, decisions, events."""
