"""The walk through the main job that ``keypostd up`` makes before the reader's eyes.

It comes from outside, as an agent, a billing contact and a sender would: the
``keypost`` command, an HTTP request, SMTP and IMAP. It looks at nothing inside
but the folder in which the log notifier leaves letters.
"""
