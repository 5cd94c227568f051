-- 哪些单位牵头多个建设单位？
select organisation_name, kind.name_zh as organisation_type, units_expected, tasks
from marts.dim_organisation as organisation
left join marts.dim_code as kind
    on kind.column_name = 'lead_organisation_type' and kind.code = organisation.organisation_type
where organisation.year = $year
order by units_expected desc, organisation_id
