-- Which paths an API key opens, with blanks between; those made before were for /v1.
ALTER TABLE api_key ADD COLUMN audience TEXT NOT NULL DEFAULT '/v1';
